# make help explains the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:8080
STORE  ?= embedded:./data

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables: LISTEN ($(LISTEN)), STORE ($(STORE))"

.PHONY: run
run: build ## Build everything and run the server; STORE=cassandra://127.0.0.1/confab for Cassandra
	bin/confab serve --listen $(LISTEN) --store '$(STORE)'

.PHONY: build
build: web go-build ## Build the page and the binary bin/confab

.PHONY: go-build
go-build: ## Build the binary alone, with the page as it was built last
	go build -o bin/confab ./cmd/confab

.PHONY: web
web: ## Build the page (needs Node)
	@scripts/web.sh build

.PHONY: test
test: ## Run the checks, as CI does; chaos, test-kill and a long fuzz are further ones
	@scripts/test.sh

.PHONY: test-go
test-go: ## Run the Go tests that need no Cassandra
	CONFAB_TEST_CASSANDRA=off go test -race -shuffle=on ./...

.PHONY: test-web
test-web: ## Type-check the page and run its unit tests
	@scripts/web.sh test

.PHONY: test-browser
test-browser: go-build ## Run the page's flows in a real Chromium
	@scripts/web.sh browser

.PHONY: test-kill
test-kill: ## Kill nodes and cut them off under load, 20 times each, and in the middle of deliveries; needs make cassandra
	go test ./test/realtime -run 'TestKilledNodes|TestCutOffNodes' -count=20 -timeout 40m
	go test ./test/realtime -run TestKilledDeliveries -timeout 15m -args -members 2000

.PHONY: lint
lint: ## Run go vet and the linters
	@scripts/lint.sh

.PHONY: fuzz
fuzz: ## Fuzz each parser for a while (FUZZTIME=30s)
	@scripts/fuzz.sh

.PHONY: bench
bench: go-build ## Measure both stores beside the bare references
	@scripts/bench.sh

.PHONY: chaos
chaos: ## Kill and pause nodes of a real Cassandra under load, and look for every acknowledged message
	@scripts/chaos.sh

.PHONY: cassandra
cassandra: ## Start a Cassandra on 127.0.0.1:9042 for development
	@scripts/cassandra.sh start

.PHONY: cassandra-stop
cassandra-stop: ## Stop that Cassandra
	@scripts/cassandra.sh stop

.PHONY: clean
clean: ## Remove what was built; the data folder stays
	rm -rf bin out web/node_modules web/client/dist
	find web/dist -mindepth 1 ! -name .gitkeep -delete
