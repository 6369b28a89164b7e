.PHONY: help
help:
	@echo "make test   run all checks"
test:
	go test ./...
