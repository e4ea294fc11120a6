# The commands of FreshTrack. Their work is done by deploy/setup.sh and freshtrack/up.
.DEFAULT_GOAL := help
.PHONY: help up test check bench screenshots lock clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\): ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

up: ## Set up what is missing and run FreshTrack at http://127.0.0.1:8000 (PORT, FRESHTRACK_HOME, DEMO=0)
	@deploy/setup.sh up

test: ## Run every check and every test: Python, web app, browser
	@deploy/setup.sh test

check: ## Run only the checks: style, types, imports, migrations, settings, deployment files
	@deploy/setup.sh check

bench: ## Measure, print ratios, write bench/results.json (BENCH_PEERS=bench/peers: beside Node)
	@deploy/setup.sh bench

screenshots: ## Take pictures of every screen, 360 and 1280 pixels wide
	@deploy/setup.sh screenshots

lock: ## Renew the lock files from pyproject.toml (needs uv)
	@deploy/lock.sh

clean: ## Remove what was installed and built; the data in .freshtrack stay
	@deploy/setup.sh clean
