# The page, the binary, and nothing else.
FROM node:20-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
COPY web/client/package.json client/
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM golang:1.26-bookworm AS go
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist/ web/dist/
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /confab ./cmd/confab
RUN mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=go /confab /confab
COPY --from=go --chown=nonroot:nonroot /data /data
ENV CONFAB_LISTEN=:8080 CONFAB_STORE=embedded:/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/confab"]
CMD ["serve"]
