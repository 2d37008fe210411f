# Everything that one does with this repository. `make help` lists it.

CARGO ?= cargo
HELM  ?= helm
CLUSTER = e2e/cluster/run
# Of cluster-up, cluster-down and cluster-status: real (pods, Istio, Envoy, Prometheus; root) or light (an API server; no root).
PROFILE ?= real
# Of storm: how many, and from which seed on.
N     ?= 2000
FIRST ?= 1
# Every test of e2e that needs a cluster. Always selected out of the whole workspace: cargo unites the features of what is selected, and
# another selection would compile everything once more.
E2E_TESTS = $(shell awk -F '"' '/^\[\[test/ { test = 1 } test && /^name/ { if ($$2 !~ /^(tidy|examples)$$/) print "--test", $$2; test = 0 }' e2e/Cargo.toml)

.DEFAULT_GOAL := help
.PHONY: help demo demo-fast test demo-cluster demo-down storm mutants e2e load cluster-up cluster-down cluster-status bench crds lint fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## the story of five versions, live, in one process; two minutes; needs Rust and git
	@$(CARGO) build -p leadline
	@$(CARGO) run -q -p leadline -- demo

demo-fast: ## the same story on virtual time, in seconds
	@$(CARGO) build -p leadline
	@$(CARGO) run -q -p leadline -- demo --fast

demo-cluster: ## the same story on a real cluster, which it builds and starts (root; Go; the first time is long)
	@$(CLUSTER) up --profile real
	@$(CARGO) build -p leadline
	@$(CARGO) run -q -p leadline -- demo --cluster

demo-down: ## stop that cluster; nothing stays but the built programs
	@$(CLUSTER) down --profile real

test: ## everything that needs no cluster and no root
	$(CARGO) test --workspace --exclude e2e
	$(CARGO) test --workspace --test tidy --test examples

storm: ## many random storms of faults on virtual time: N=count, FIRST=seed, SECONDS_AT_LEAST=time; STORM=seed for one of them
	N=$(N) FIRST=$(FIRST) $(if $(STORM),STORM=$(STORM)) $(if $(SECONDS_AT_LEAST),SECONDS_AT_LEAST=$(SECONDS_AT_LEAST)) \
		$(CARGO) test --workspace --exclude e2e --profile storm --test storm -- --nocapture

mutants: ## do storms find deliberate bugs? one after the other, three minutes of storm each at most; MUTANT=name for one of them
	$(CARGO) run -q -p sim --example mutants -- $(MUTANT)

# More threads than cores: these tests wait for others most of the time.
e2e: ## the tests on real clusters, which it starts (root; Go)
	cd e2e/cluster && GOWORK=off go vet ./... && GOWORK=off go test ./...
	$(CLUSTER) up --profile light
	$(CLUSTER) up --profile real
	$(CARGO) build --workspace --bins --tests
	$(CARGO) test --workspace --no-fail-fast $(E2E_TESTS) -- --test-threads 4

load: ## updates at random moments under 200 requests a second through Envoy, on the real cluster: UPDATES=count, SEED=number
	$(CLUSTER) up --profile real
	$(CARGO) build --workspace --bins --tests
	$(if $(UPDATES),UPDATES=$(UPDATES)) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --workspace --test real -- load --nocapture

cluster-up: ## start a cluster, or what is missing of it: PROFILE=real or PROFILE=light
	@$(CLUSTER) up --profile $(PROFILE)

cluster-down: ## stop it
	@$(CLUSTER) down --profile $(PROFILE)

cluster-status: ## show its programs; fails unless all are ready
	@$(CLUSTER) status --profile $(PROFILE)

bench: ## measure, and print the figures with the machine's name; BENCH="idle --rollouts 0,1000" picks a part (Go)
	$(CARGO) build --release -p leadline
	$(CARGO) bench --workspace --bench decide
	@# The observer need not be fast: what it looks at is the release build.
	$(CARGO) bench --profile dev --workspace --bench cluster -- $(BENCH)

crds: ## write the CustomResourceDefinitions into the chart
	$(CARGO) run -q -p crds --features schema --bin crdgen

lint: ## what must be clean before a commit
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

fmt: ## format the Rust files
	$(CARGO) fmt --all

clean: ## remove what was built, and the clusters
	-@test ! -d .cluster/light || $(CLUSTER) down --profile light
	-@test ! -d .cluster/real || $(CLUSTER) down --profile real
	$(CARGO) clean
