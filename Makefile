# A thin front: CMake, Ninja and CTest do the work. BUILD names the build folder.
BUILD ?= build
JOBS ?= $(shell nproc)

# Ninja and CTest share the cores out; two targets at once would both call apt-get.
.NOTPARALLEL:
.PHONY: all build demo test bench fuzz format format-check check sanitize interop firmware pretrain install clean \
	packages packages-fuzz packages-interop packages-firmware

all: build

packages:
	@tools/install_packages.sh build
packages-fuzz:
	@tools/install_packages.sh build fuzz
packages-interop:
	@tools/install_packages.sh build interop
packages-firmware:
	@tools/install_packages.sh build firmware

$(BUILD)/build.ninja: CMakeLists.txt
	@mkdir -p $(BUILD)
	@cmake -G Ninja -B $(BUILD) -S . >$(BUILD)/cmake.log 2>&1 || { cat $(BUILD)/cmake.log; exit 1; }

build: packages
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

# The main job, end to end, on images that semtinel simulates itself.
demo: build
	@tools/demo.sh $(BUILD)

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

# Speed against named peers, one script each; run on a quiet machine.
bench: build
	@tools/install_packages.sh bench
	@for script in bench/*.sh; do echo "== $$script"; bash $$script $(BUILD) || exit 1; done

fuzz: packages-fuzz
	@tools/fuzz.sh $(or $(SECONDS_EACH),60)

# Not git's list: there is none in an archive of the sources, and xargs would say that all is well.
SOURCES = find bench edge firmware fuzz include src tests -name node_modules -prune -o -name '*.[ch]' -print
format: packages
	@$(SOURCES) | xargs clang-format -i
format-check: packages
	@$(SOURCES) | xargs clang-format --dry-run -Werror

# What the compiler does not check: directions of includes, headers alone, exported symbols, order of random draws,
# links between the documents.
check: build
	@tools/check_layering.sh
	@tools/check_headers.sh
	@tools/check_symbols.sh $(BUILD)
	@tools/check_draws.sh
	@tools/check_links.sh

# The whole test suite under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize: packages
	@cmake -G Ninja -B build-sanitize -S . -DSEMTINEL_SANITIZE=ON >/dev/null
	@ninja -C build-sanitize --quiet
	LSAN_OPTIONS="suppressions='$(CURDIR)/tools/lsan.supp':print_suppressions=0" \
	ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
	ctest --test-dir build-sanitize --output-on-failure -j $(JOBS)

# Our exports in other people's runtimes.
interop: build packages-interop
	@bash tests/interop/run.sh $(BUILD)

# The kernels of other processors, in QEMU: a bare Cortex-M7, and AArch64's NEON.
firmware: build packages-firmware
	@$(MAKE) --no-print-directory -C firmware run BUILD=$(if $(filter /%,$(BUILD)),,../)$(BUILD)
	@bash tests/cli/test_neon.sh $(BUILD)/semtinel

# Remakes the shipped backbone from simulated images.
pretrain: build
	@models/pretrain.sh $(BUILD)

# PREFIX, else /usr/local; below DESTDIR, which CMake takes from the environment.
install: build
	@cmake --install $(BUILD) $(if $(PREFIX),--prefix "$(PREFIX)")

clean:
	@rm -rf build build-sanitize build-fuzz demo
