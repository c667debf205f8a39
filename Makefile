# Homeward. `make` alone says what there is.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PREFIX   ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR  ?=
FUZZTIME ?= 20s
BIN      ?= bin
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATICCHECK_VERSION := v0.8.2
TARGETS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Every cache is in the checkout. Modules that the machine has already are
# taken from there instead of the network.
CACHE := $(CURDIR)/.cache
comma := ,
ifneq ($(shell command -v go),)
MACHINE_MODULES := $(shell env -u GOMODCACHE go env GOMODCACHE)
export GOPROXY  := $(if $(wildcard $(MACHINE_MODULES)/cache/download),file://$(MACHINE_MODULES)/cache/download$(comma),)$(shell go env GOPROXY)
export GOFLAGS  := $(strip $(shell go env GOFLAGS) -modcacherw)
endif
export GOCACHE           := $(CACHE)/go-build
export GOMODCACHE        := $(CACHE)/mod
export STATICCHECK_CACHE := $(CACHE)/staticcheck

# Fyne's C takes gcc five times as long. One compiler everywhere: another builds all
# anew. It is looked for again for each target, for setup may have installed it.
ifeq ($(origin CC),default)
export CC  = $(if $(shell command -v clang),clang,cc)
export CXX = $(if $(shell command -v clang),clang++,c++)
endif

LDFLAGS := -s -w -X github.com/homeward-vpn/homeward/client/control.version=$(VERSION)
BUILD   := CGO_ENABLED=0 go build -trimpath -buildvcs=false
LAB     := $(CACHE)/bin/homeward-lab
STATICCHECK := $(CACHE)/bin/staticcheck-$(STATICCHECK_VERSION)/staticcheck

.PHONY: help setup go-setup build install install-desktop uninstall package test lint bench fuzz cross demo lab screenshots clean

help: ## say what there is
	@echo "Homeward $(VERSION). Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

setup: ## look for what building and testing needs; install it where that is permitted
	@packaging/setup.sh lab

go-setup:
	@packaging/setup.sh build

# The service never needs a C compiler. The user's program speaks to smart cards
# through one (PKCS#11), and where there is none says so.
CGO := $(if $(shell command -v $(CC)),1,0)

build: go-setup ## the programs, into bin/
	@mkdir -p bin
	$(BUILD) -ldflags '$(LDFLAGS)' -o bin/ ./app/homewardd
	CGO_ENABLED=$(CGO) go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./app/homewardctl
	@if packaging/setup.sh desktop; then $(MAKE) --no-print-directory bin/homeward; \
	else rm -f bin/homeward; echo "The desktop program is left out."; fi

bin/homeward: FORCE
	CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./app/homeward

UNITS := homewardd.service homeward-boot.service
USER_UNIT := homeward-attend.service
APP := com.homeward-vpn.Homeward
# What a desktop wants to know of the window. Autostart and what an administrator lays
# down are read below SYSCONFDIR, wherever the programs are.
SHARE := $(DESTDIR)$(PREFIX)/share
DESKTOP_FILES := $(SHARE)/applications/$(APP).desktop $(SHARE)/mime/packages/$(APP).xml \
	$(SHARE)/icons/hicolor/scalable/apps/$(APP).svg $(SHARE)/icons/hicolor/symbolic/apps/$(APP)-symbolic.svg \
	$(DESTDIR)$(SYSCONFDIR)/xdg/autostart/$(APP).desktop

install: ## put the built programs, the systemd units and the desktop's files under DESTDIR and PREFIX
	@[ -x '$(BIN)/homewardd' ] && [ -x '$(BIN)/homewardctl' ] || { echo "run make build first"; exit 1; }
	install -D -m 0755 '$(BIN)/homewardd' '$(DESTDIR)$(PREFIX)/sbin/homewardd'
	install -D -m 0755 '$(BIN)/homewardctl' '$(DESTDIR)$(PREFIX)/bin/homewardctl'
	mkdir -p '$(DESTDIR)$(PREFIX)/lib/systemd/system'
	@for unit in $(UNITS); do \
		sed 's|/usr/local/sbin|$(PREFIX)/sbin|' packaging/systemd/$$unit > '$(DESTDIR)$(PREFIX)/lib/systemd/system/'$$unit; \
		chmod 0644 '$(DESTDIR)$(PREFIX)/lib/systemd/system/'$$unit; \
	done
	mkdir -p '$(DESTDIR)$(PREFIX)/lib/systemd/user'
	sed 's|/usr/local/bin|$(PREFIX)/bin|' packaging/systemd/user/$(USER_UNIT) > '$(DESTDIR)$(PREFIX)/lib/systemd/user/$(USER_UNIT)'
	chmod 0644 '$(DESTDIR)$(PREFIX)/lib/systemd/user/$(USER_UNIT)'
	mkdir -p '$(DESTDIR)$(SYSCONFDIR)/homeward/profiles.d'
	@if [ -x '$(BIN)/homeward' ]; then $(MAKE) --no-print-directory install-desktop; \
	else echo "There is no $(BIN)/homeward, so the window is not installed."; fi

install-desktop:
	install -D -m 0755 '$(BIN)/homeward' '$(DESTDIR)$(PREFIX)/bin/homeward'
	install -D -m 0644 packaging/desktop/$(APP).desktop '$(SHARE)/applications/$(APP).desktop'
	install -D -m 0644 packaging/desktop/$(APP).xml '$(SHARE)/mime/packages/$(APP).xml'
	install -D -m 0644 packaging/desktop/autostart.desktop '$(DESTDIR)$(SYSCONFDIR)/xdg/autostart/$(APP).desktop'
	install -D -m 0644 assets/icons/app.svg '$(SHARE)/icons/hicolor/scalable/apps/$(APP).svg'
	install -D -m 0644 assets/icons/connected.svg '$(SHARE)/icons/hicolor/symbolic/apps/$(APP)-symbolic.svg'
	@[ -n '$(DESTDIR)' ] || sh packaging/scripts/caches.sh '$(PREFIX)'

# With DESTDIR only the files go. Without, the network is given back first, as
# the packages do; then what the service has kept goes, too: profiles, settings.
uninstall: ## give the network back, then remove what install has put there, and the service's state
	@[ -n '$(DESTDIR)' ] || HOMEWARD_PREFIX='$(PREFIX)' sh packaging/scripts/preremove.sh 0
	rm -f '$(DESTDIR)$(PREFIX)/sbin/homewardd' '$(DESTDIR)$(PREFIX)/bin/homewardctl' '$(DESTDIR)$(PREFIX)/bin/homeward'
	rm -f $(foreach f,$(DESKTOP_FILES),'$(f)')
	rmdir '$(DESTDIR)$(SYSCONFDIR)/homeward/profiles.d' '$(DESTDIR)$(SYSCONFDIR)/homeward' 2>/dev/null || true
	@[ -n '$(DESTDIR)' ] || sh packaging/scripts/caches.sh '$(PREFIX)'
	rm -f $(foreach u,$(UNITS),'$(DESTDIR)$(PREFIX)/lib/systemd/system/$(u)') '$(DESTDIR)$(PREFIX)/lib/systemd/user/$(USER_UNIT)'
	@[ -n '$(DESTDIR)' ] || sh packaging/scripts/postremove.sh 0

# nfpm's module tree is its own: it is built beside ours, once.
NFPM_VERSION := v2.45.0
NFPM := $(CACHE)/bin/nfpm-$(NFPM_VERSION)/nfpm

$(NFPM):
	GOPATH=$(CACHE)/gopath GOBIN=$(@D) GOFLAGS=-modcacherw go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

# A version of ours begins with a digit; a bare commit is before every release.
package: build $(NFPM) ## deb and rpm of the built programs, into bin/
	@[ -x bin/homeward ] || { echo "a package holds the window: install what packaging/setup.sh desktop names, then try again"; exit 1; }
	@rm -rf $(CACHE)/package
	@$(MAKE) --no-print-directory install DESTDIR=$(CACHE)/package PREFIX=/usr >/dev/null
	@for kind in deb rpm; do \
		PACKAGE_ROOT=$(CACHE)/package PACKAGE_ARCH=$$(go env GOARCH) \
		PACKAGE_VERSION='$(if $(filter v%,$(VERSION)),$(subst -,+,$(patsubst v%,%,$(VERSION))),0~$(subst -,+,$(VERSION)))' \
		$(NFPM) package --config packaging/nfpm.yaml --packager $$kind --target bin/; \
	done

$(LAB): FORCE
	@mkdir -p $(dir $@)
	@$(BUILD) -o $@ ./client/lab/homeward-lab
FORCE:

$(STATICCHECK):
	GOPATH=$(CACHE)/gopath GOBIN=$(@D) go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

# Where only root may make namespaces and sudo asks no password, the test
# programs run under sudo. Each has ten minutes, the end-to-end tests thirty.
test: setup $(LAB) ## every test, with the race detector, end to end included
	@sudo=; \
	if ! $(LAB) check 2>$(CACHE)/check; then \
		if [ "$$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then sudo="sudo -n -E env PATH=$$PATH"; \
		else cat $(CACHE)/check; echo "Tests that need the lab will be skipped."; fi; \
	fi; \
	go build -o $(CACHE)/bin/summary ./.ci/summary; \
	go test -race -shuffle=on -timeout 30m -json -exec "$$sudo '$(CURDIR)/.ci/limit'" ./... $(CI) | $(CACHE)/bin/summary

# A folder whose name begins with a dot has to be named.
CI := ./.ci/summary ./.ci/typecheck

# What builds without cgo on every system. Windows of a Mac want its C compiler: the
# desktop program's types are checked there instead.
PORTABLE = $$(go list ./... $(CI) | grep -v -e /app/desktop -e /app/homeward$$)
TYPECHECK := $(CACHE)/bin/typecheck

$(TYPECHECK): FORCE
	@CGO_ENABLED=0 go build -o $@ ./.ci/typecheck

lint: setup $(STATICCHECK) $(TYPECHECK) ## formatting, vet for every system, staticcheck, module files, shell scripts
	@files=$$(find . -name .cache -prune -o -name '*.go' -print | xargs gofmt -l); \
	[ -z "$$files" ] || { echo "not as gofmt wants it:"; echo "$$files"; exit 1; }
	@for os in linux darwin windows; do echo "go vet ($$os)"; CGO_ENABLED=0 GOOS=$$os go vet $(PORTABLE) || exit 1; done
	@echo "go vet (desktop)"; CGO_ENABLED=1 go vet ./app/...
	@for t in darwin/arm64 windows/amd64; do echo "types of the desktop program ($$t)"; $(TYPECHECK) $$t ./app/homeward || exit 1; done
	@echo staticcheck
	@$(STATICCHECK) ./... $(CI)
	go mod tidy -diff
	go mod verify
	@for f in .ci/run packaging/setup.sh; do bash -n $$f; done
	@for f in .ci/limit packaging/scripts/*.sh; do sh -n $$f; done
	@if command -v desktop-file-validate >/dev/null; then desktop-file-validate packaging/desktop/*.desktop; fi
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run .ci/limit packaging/setup.sh packaging/scripts/*.sh; fi

bench: setup build ## measure, beside wireguard-go and strongSwan, as ratios
	@$(BUILD) -o $(CACHE)/bin/homeward-bench ./client/lab/bench
	@HOMEWARD_LAB_BIN=$(CURDIR)/bin $(CACHE)/bin/homeward-bench
	@HOMEWARD_FIGURES=1 go test -count=1 -run '^TestFigures$$' -v ./app/homeward

fuzz: go-setup ## each fuzz target for FUZZTIME (20s)
	@grep -rl --include='*_test.go' --exclude-dir=.cache '^func Fuzz' . | xargs -r -n 1 dirname | sort -u | while read -r dir; do \
		grep -h '^func Fuzz' $$dir/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/' | while read -r target; do \
			echo "$$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

cross: go-setup $(TYPECHECK) ## build and vet every package for every system
	@for t in $(TARGETS); do echo "$$t"; \
		CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} go build $(PORTABLE); \
		CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} go vet $(PORTABLE); \
		$(TYPECHECK) $$t ./app/homeward; \
	done

demo: setup build $(LAB) ## connect to a company in a box and fetch its intranet page
	@HOMEWARD_LAB_BIN=$(CURDIR)/bin $(LAB) demo

lab: setup build $(LAB) ## leave the lab up, with a shell on the client's machine
	@HOMEWARD_LAB_BIN=$(CURDIR)/bin $(LAB) shell

PICTURES ?= assets/screenshots

screenshots: setup build $(LAB) ## pictures of the desktop program at work, for this README
	@HOMEWARD_LAB_BIN=$(CURDIR)/bin $(LAB) screenshots '$(PICTURES)'

clean: ## remove everything that was built, and the caches
	rm -rf bin .cache
