package storetest

var modelTests = map[string]func(*env){}
