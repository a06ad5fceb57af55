# unosql: `make run` from nothing to a running firmware, `make test` for all tests.
# All work is done by the Python package firmware/; this file only names its commands.

PYTHON ?= python3
BOARD ?= UNOSQL_QEMU_RISCV
ARGS ?=

export PORT IMAGE ERASE BAUD REPORT
export MICROPYTHON_DIR MICROPYTHON_VERSION MICROPYTHON_URL MBEDTLS_DIR FLASH HEAP PYTHONDONTWRITEBYTECODE=1

.DEFAULT_GOAL := help
.PHONY: help run test emulator unix firmware sizes fetch deps clean distclean
.PHONY: flash device-test docs package release release-check bench test-powerloss coverage reliability

help:
	@echo 'unosql: an encrypted JSON database for MicroPython, shipped as firmware'
	@echo
	@echo '  make run        build all, boot the emulated board, run examples/quickstart.py on it'
	@echo '  make test       run all tests that this machine can (ARGS="-k index" goes to pytest)'
	@echo '  make test-powerloss    cut the power, and let fail, every step of every operation (20 minutes)'
	@echo '  make coverage   branch coverage of what keeps data whole, on this machine; fails below 100 %'
	@echo '  make reliability    all long runs, three hours on two cores; writes their counts into docs/RELIABILITY.md'
	@echo '  make emulator   leave an emulated board running and print how to reach it'
	@echo '                  (HEAP=36k: a small heap, FLASH=file: its flash image)'
	@echo '  make unix       build MicroPython for this machine, 64- and 32-bit, unosql inside'
	@echo '  make firmware   build the firmware of BOARD= (default $(BOARD))'
	@echo '  make flash      write the image of BOARD= (or IMAGE=file) to the board attached, or at PORT=;'
	@echo '                  asks before it erases (or ERASE=yes, ERASE=no)'
	@echo '  make device-test    run the device tests on the board attached, or at PORT='
	@echo '                  (make run PORT=..., or BOARD= a real one, runs the example there)'
	@echo '  make sizes      print what the firmware takes of flash and RAM, and the images of real boards built here'
	@echo '  make bench      measure what operations cost, beside other ways to keep JSON: docs/BENCH.md'
	@echo '                  (ARGS=flash, turnover, heap, instructions or frozen: only that anew; ARGS=report: nothing)'
	@echo '  make deps       install the tools: system packages, and Python ones in build/venv'
	@echo '  make fetch      get MicroPython source again, trying the preferred version first'
	@echo '  make release    collect images, packages, checksums and the page to flash from'
	@echo '  make release-check  what of a release any machine can check; builds twice and compares'
	@echo '  make package    bring package.json, for mip, up to date'
	@echo '  make docs       bring docs/API.md up to date with the docstrings in modules/'
	@echo '  make clean      remove what was built'
	@echo '  make distclean  remove sources, tools and flash images too'
	@echo
	@echo 'MicroPython source: MICROPYTHON_VERSION=1.25.0 takes that release,'
	@echo 'MICROPYTHON_DIR=path a tree of yours, which is not changed.'

unix sizes fetch deps emulator:
	@$(PYTHON) -m firmware $@

run:
	@$(PYTHON) -m firmware $@ $(BOARD)

docs package release:
	@$(PYTHON) -m firmware $@

release-check:
	@$(PYTHON) -m firmware release_check

# DRY=1 only prints the commands.
firmware flash:
	@$(PYTHON) -m firmware $@ $(BOARD) $(if $(DRY),--dry-run)

device-test:
	@$(PYTHON) -m firmware device_test $(ARGS)

bench:
	@$(PYTHON) -m bench $(ARGS)

test:
	@$(PYTHON) -m firmware test $(ARGS)

test-powerloss:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script powerloss --jobs 2 $(ARGS)

coverage:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script coverage_gate $(ARGS)

reliability:
	@$(PYTHON) -m firmware deps
	@$(PYTHON) -m firmware script reliability $(ARGS)

clean:
	rm -rf $(filter-out build/src build/venv build/flash build/toolchains,$(wildcard build/*))

distclean:
	rm -rf build
