# unosql: `make run` from nothing to a running firmware, `make test` for all tests.
# All work is done by the Python package firmware/; this file only names its commands.

PYTHON ?= python3
BOARD ?= UNOSQL_QEMU_RISCV
ARGS ?=

export PORT IMAGE ERASE BAUD REPORT
export MICROPYTHON_DIR MICROPYTHON_VERSION MICROPYTHON_URL MBEDTLS_DIR FLASH HEAP PYTHONDONTWRITEBYTECODE=1

.DEFAULT_GOAL := help
.PHONY: help run fleet flash emulator firmware unix test coverage docs site package sizes bench test-powerloss device-test reliability
.PHONY: trace release release-check deps fetch clean distclean

# Lines that start with two hashes are what `make help` says; with an @ behind them they start a group.
help:
	@awk '/^##@ / { print "\n" substr($$0, 5) } \
	/^## / { said[lines++] = substr($$0, 4) } \
	/^[a-z-]+:/ { for (i = 0; i < lines; i++) printf "  %-20s%s\n", i ? "" : "make " substr($$1, 1, length($$1) - 1) " ", said[i]; lines = 0 }' \
	Makefile
	@echo
	@echo 'MicroPython source: MICROPYTHON_VERSION=1.25.0 takes that release,'
	@echo 'MICROPYTHON_DIR=path a tree of yours, which is not changed.'

##@ Use

## build all, boot the emulated board, run examples/quickstart.py on it
## (PORT=... or BOARD= a real one: run it there)
run:
	@$(PYTHON) -m firmware $@ $(BOARD)

## leave an emulated board running and print how to reach it
## (HEAP=36k: a small heap, FLASH=file: its flash image)
emulator:
	@$(PYTHON) -m firmware $@

## show store and forward: a broker, PostgreSQL, a sink and ten devices on this machine,
## and a live table of them; Ctrl-C ends all
fleet:
	@$(PYTHON) -m firmware $@

## build the firmware of BOARD= (default UNOSQL_QEMU_RISCV); DRY=1 only prints the commands
firmware:
	@$(PYTHON) -m firmware $@ $(BOARD) $(if $(DRY),--dry-run)

## write the image of BOARD= (or IMAGE=file) to the board attached, or at PORT=;
## asks before it erases (or ERASE=yes, ERASE=no)
flash:
	@$(PYTHON) -m firmware $@ $(BOARD) $(if $(DRY),--dry-run)

##@ Develop

## run all tests that this machine can (ARGS="-k index" goes to pytest)
test:
	@$(PYTHON) -m firmware test $(ARGS)

## run the device tests on the board attached, or at PORT=
device-test:
	@$(PYTHON) -m firmware device_test $(ARGS)

## branch coverage of what keeps data whole, on this machine; fails below 100 %
coverage:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script coverage_gate $(ARGS)

## make the 10,000 recorded calls and compare the bytes that they leave
## (ARGS=--write records them anew)
trace:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script recorded_trace $(ARGS)

## build MicroPython for this machine, 64- and 32-bit, unosql inside
unix:
	@$(PYTHON) -m firmware $@

## bring docs/API.md up to date with the docstrings in modules/
docs:
	@$(PYTHON) -m firmware $@

## make the site in build/site: playground, your board, flash, docs with search
site:
	@$(PYTHON) -m firmware $@

## bring package.json, for mip, up to date
package:
	@$(PYTHON) -m firmware $@

##@ Measure

## print what the firmware takes of flash and RAM, and the images of real boards built here
sizes:
	@$(PYTHON) -m firmware $@

## measure what operations cost, beside other ways to keep JSON: docs/BENCH.md
## (ARGS=flash, turnover, heap, instructions, latency or frozen: only that anew; ARGS=report: nothing)
bench:
	@$(PYTHON) -m bench $(ARGS)

## cut the power, and let fail, every step of every operation (20 minutes)
test-powerloss:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script powerloss --jobs 2 $(ARGS)

## all long runs, three hours on two cores; writes their counts into docs/RELIABILITY.md
reliability:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script reliability $(ARGS)

##@ Release

## collect images, packages, checksums and the page to flash from
release:
	@$(PYTHON) -m firmware $@

## what of a release any machine can check; builds twice and compares
release-check:
	@$(PYTHON) -m firmware release_check

##@ Keep house

## install the tools: system packages, and Python ones in build/venv
deps:
	@$(PYTHON) -m firmware $@

## get MicroPython source again, trying the preferred version first
fetch:
	@$(PYTHON) -m firmware $@

## remove what was built
clean:
	rm -rf $(filter-out build/src build/venv build/flash build/toolchains,$(wildcard build/*))

## remove sources, tools and flash images too
distclean:
	rm -rf build
