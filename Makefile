# The two commands of the house are `make run` and `make test`; every target only calls a script in Scripts/,
# so that the same step can be run, read and changed without make.
.DEFAULT_GOAL := help
.PHONY: help run test build tarball deb image test-packages lint format fuzz bench cluster-demo clean

# Arguments of the server for `make run`; seconds for each target of `make fuzz` (60) or each figure of `make bench` (4), and
# that one's rounds and works.
ARGS ?=
SECONDS ?=
ROUNDS ?=
WORKS ?=

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build and start the server in the foreground (ARGS="..." for its flags)
	@Scripts/run $(ARGS)

test: ## install what is missing, build, check and test everything
	@Scripts/test

build: ## build the server and its load generator for release
	@Scripts/build stund stun

tarball: ## make the release tarball, in .build/packages
	@Scripts/package tarball

deb: ## make the Debian package, in .build/packages
	@Scripts/package deb

image: ## make a container image of the Debian package (with buildah, podman or docker)
	@Scripts/package image

test-packages: ## make tarball and Debian package as they are released, and try them in a bare Debian 12
	@Scripts/test-packages

lint: ## check format, scripts and layers without building
	@Scripts/lint

format: ## rewrite the Swift sources in the house's format
	@Scripts/format

fuzz: ## run each fuzz target for SECONDS seconds (60)
	@Scripts/fuzz $(or $(SECONDS),60)

bench: ## compare with Debian's coturn on the same work: 15 minutes on a quiet machine (ROUNDS=5 SECONDS=4 WORKS=binding,trains)
	@Scripts/bench --rounds $(or $(ROUNDS),5) --seconds $(or $(SECONDS),4) $(if $(WORKS),--works $(WORKS))

cluster-demo: ## three servers and a client behind a NAT, in network namespaces: discovery, and a server that is killed
	@Scripts/cluster-demo $(ARGS)

clean: ## remove everything that was built
	@Scripts/clean
