# peerup: the core library, the simulator that runs it, and their tests.
#
#   make                  release build into build/release; build/peerup-sim points at it
#   make demo             set-up, build, and one simulated run told in plain words
#   make test             set-up, then every test that needs no network outside the machine
#   make lint             set-up, then format, warnings, includes, symbols, sizes (tests/lint)
#   make hash-matrix      one trace hash a seed, whatever the compiler and its options
#   make hash-cross       the same on aarch64 and s390x (big-endian), under qemu
#   make interop          go-libp2p and js-libp2p against this node: tests/interop/README.md.
#                         INTEROP="--cases '07-*' --repeat 20": arguments of tests/interop/run.sh
#   make bench            speed of the event queue and of nodes, memory of a node, on this machine;
#                         then the interop programs side by side (COMPARE="--what bulk")
#   make netns            real nodes behind real Linux NATs, in namespaces; needs root
#   make netns-matrix     36 pairs of NATs, 20 runs each, beside the simulator: docs/kernel-matrix.md
#   make netns-scenarios  every scenario there to its end, as far as a kernel can
#   make soak             many seeds of every scenario (SOAK_SEEDS=1000), noted in docs/soak-ledger.md and
#                         docs/scenario-bounds.md
#   make planted          planted bugs and the properties that catch them: docs/planted-bugs.md
#   make fuzz T=60        each fuzz target for T seconds (tests/fuzz); RUNS=1000000 executions, noted
#                         in docs/fuzz-ledger.md; TARGETS="node nodes": only those
#   make cov              line and branch coverage of the core, against tests/lint/coverage.floor
#   make format           rewrites every C file in the style of .clang-format
#   make install          peerup, peerup-sim, libpeerup, into DESTDIR and PREFIX (/usr/local)
#   make clean            removes build/; results in out/ stay
#   make help             this text
#
# Variables: BUILD=release|debug|asan|verify|cov|fuzz, CC, OPT (replaces -O of the build), V=1 (commands
# instead of one line a file), SEEDS=A-B (hash-matrix), CFLAGS and LDFLAGS (added last).
# docs/building.md says more.

VERSION := 0.1.0

BUILD  ?= release
B      ?= build/$(BUILD)
PREFIX ?= /usr/local
SEEDS  ?= 1-20
SOAK_SEEDS ?= 1000
OBJCOPY ?= objcopy
ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# ---- sources, by archive -----------------------------------------------------------------------
# Listed, so that a file belongs to the program because somebody said so; `make lint` finds files
# that are not listed.

base_src := \
    $(addprefix core/base/,assert chacha20 chunks config due imap mem mix pb rng suggest varint) \
    $(addprefix core/crypto/,model real_bulk real_ed25519 real_noise) \
    $(addprefix core/ident/,addr authorized_keys decimal endpoint envelope identity_key) \
    $(addprefix core/ident/,ip multiaddr multiaddr_text multibase peer_id peers rfc3339) \
    $(addprefix core/wire/,wire_dcutr wire_http wire_http_in wire_identify wire_igd wire_igd_call wire_natpmp wire_pcp) \
    $(addprefix core/wire/,wire_record wire_relay wire_ssdp wire_text wire_url wire_xml wire_xml_text) \
    core/select/select

node_src := \
    $(addprefix core/node/,best book commands conns ctx dialer endpoints fault gater keep legs limits) \
    $(addprefix core/node/,node opaque out protos rank read record recorder rests self shed soon) \
    $(addprefix core/node/,stream_read stream_send streams timers trace) \
    $(addprefix core/node/,app_names app_open apps names resolve service services) \
    $(addprefix core/proto/,dcutr dcutr_answer dcutr_ask dcutr_near dcutr_record identify identify_look identify_push identify_tell ping) \
    $(addprefix core/proto/relay/,pipe relay relay_client relay_server voucher)

# The real transports: each folder is its archive.
link_src := $(addprefix core/link/,conns dial link out packet pipe slots stream_effects streams) \
    $(addprefix core/link/,tcp timers transports) \
    $(addprefix core/link/,noise noise_xx) \
    $(addprefix core/link/,mux mux_frames mux_handshake yamux yamux_frame yamux_rx) \
    $(addprefix core/link/,yamux_tx yamux_window)
tls_src := $(addprefix core/tls/,cert_cache cert_check cert_make der session)
quic_src := $(addprefix core/quic/,backlog begin callbacks closed conn end endpoint frames ids memory migrate send stateless streams)

# The host on Linux: sockets, names, clock, disk.
host_src := $(addprefix net-real/,dns files host host_addr host_link host_names host_node ifaddr inbox loop sockaddr) \
    $(addprefix net-real/,spare store tape tcp tcp_conn udp)

# The program `peerup`: commands and daemon.
program_src := $(addprefix net-real/cli/,auth_file cli cmd_auth cmd_daemon cmd_identity cmd_peer config) \
    $(addprefix net-real/cli/,config_yaml host_port key_file session) \
    $(addprefix net-real/daemon/,circuits control daemon grants limits_text proxies reach requests say splice trials)

tracedb_src := $(addprefix analysis/,attempt html intern partial plot plot_attempt plot_lanes plot_map plot_matrix plot_timeline) \
    $(addprefix analysis/,plot_times report sql story story_events text tracedb tracedb_rows)

# All of the simulator but main: tests link it too.
sim_src := \
    $(addprefix sim/,queue wheels dist spell topo topo_regions trace_file nat nat_names nat_ports nat_profiles nat_table net net_answer net_gateway net_igd net_upnp) \
    $(addprefix sim/,net_line net_loss net_queue net_realm net_send net_soon net_trace net_way net_work) \
    $(addprefix sim/,scenario scenario_config scenario_expect scenario_kind scenario_mix scenario_nats) \
    $(addprefix sim/,scenario_away scenario_bend scenario_families scenario_homes scenario_swarm scenario_life scenario_links scenario_network scenario_near scenario_nodes scenario_read scenario_reader) \
    $(addprefix sim/,scenario_script names yaml_doc yaml_parse yaml_set quantity diag file file_near) \
    sim/app $(addprefix sim/,hash heap mem host host_soon watch check record recorder replay repro wall world script script_away bent still swarm run) \
    $(addprefix sim/,advice advice_boxes advice_delay advice_home advice_ways agree calibrate calibrate_latency calibrate_mix calibrate_nat calibrate_punch cli cmd_calibrate cmd_calibrate_mix) \
    $(addprefix sim/,cmd_calibrate_nat cmd_calibrate_rtt cmd_lint files_under cmd_nat_matrix population) \
    $(addprefix sim/,cmd_replay cmd_report cmd_run run_folder cmd_version crew figures json nat_matrix nat_probe options progress stun tally) \
    $(addprefix sim/transport_model/,circuit conn frame handshake recovery stream tm) \
    $(addprefix sim/tcp_model/,tcp_in tcp_model tcp_out) $(addprefix sim/,captured pcap pcap_frame)

# Real transports in the simulator: only where they are linked.
simwire_src := $(addprefix sim/wire/,gnutls_rnd wire)

# In the archive of the simulator: its command `bench`.
bench_src := $(addprefix bench/,bare_heap bench_bare bench_datagrams bench_machine bench_nodes bench_queue bench_streams cmd_bench graph ladder)

test_src := $(addprefix tests/unit/, \
    main \
    varint_test pb_test rng_test mix_test mem_test imap_test due_test chunks_test link_test link_stream_test link_wire_test link_circuit_test link_rig_test \
    wire_identify_test wire_relay_test wire_dcutr_test wire_portmap_test wire_record_test envelope_test select_test identify_test identify_push_test identify_look_test \
    relay_test relay_client_test dcutr_test dcutr_memory_test dcutr_near_test out_test ping_test best_test rests_test endpoints_test book_test bounds_test hostile_test \
    crypto_test noise_prims_test multibase_test peer_id_test identity_key_test tls_cert_test peers_test multiaddr_test \
    quic_test quic_streams_test quic_hostile_test quic_closed_test quic_abuse_test quic_library_test quic_silence_test \
    noise_test noise_frame_test yamux_machines_test mux_test yamux_test yamux_limits_test mux_pair_test mux_pipe_test \
    addr_test authorized_keys_test \
    service_test limits_test limits_text_test names_test loop_test ifaddr_test udp_test dns_test tcp_test tcp_model_test store_test pcap_test \
    queue_test heap_test bench_test dist_test spell_test topo_test nat_test net_test firewall_test \
    net_cpu_test net_line_test net_home_test homes_test net_queue_test net_send_test net_tcp_test net_refuse_test net_tap_test gateway_test scenario_links_test trace_file_test \
    quantity_test scenario_test scenario_life_test scenario_once_test scenario_kind_test families_test options_test json_test tracedb_test report_test report_marks_test report_tells_test \
    tm_test tm_stream_test tm_hostile_test tm_tcp_test tm_loss_test keep_test life_test away_test bent_test swarm_test record_test population_test \
    advice_test agree_test crew_test docs_test result_test stun_test tally_test \
    wire_http_test wire_igd_test wire_xml_test upnp_test \
    steps_test fault_test ident_edges_test crowd_test judge_test) \
    $(addprefix tests/lib/,steps steps_input steps_read steps_say steps_words steps_world) \
    tests/lib/steps_app \
    $(addprefix tests/lib/,steps_write chaos chaos_body) \
    $(addprefix tests/lib/,mux_pair quic_desk)

# What unit tests and fuzz targets share.
play_src := $(addprefix tests/lib/,boundary link_host link_toy mux_host mux_peer node_rig node_rig_net) \
    $(addprefix tests/lib/,cert_forge quic_raw quic_rig upnp_client)

# Our own side of tests/interop.
interop_src := $(addprefix tests/interop/c/,commands crowd peer streams)

# The programs of tests/netns: the network between namespaces, clients of STUN and UPnP.
lab_src := $(addprefix tests/netns/,link link_way) $(addprefix tests/lib/,stun_ask upnp_ask)

# The targets of tests/fuzz, the same list as in tests/fuzz/fuzz.h.
fuzz_targets := varint protobuf identify hop stop dcutr peer_record natpmp pcp http xml url ssdp igd igd_call service envelope voucher \
    identity_key der certificate noise noise_frame yamux_frame \
    select_dialer select_listener peer_text peer_bytes maddr_bytes maddr_text addr authorized_keys \
    multibase decimal ip_text time_text command recording replay scenario matrix profiles lengths \
    yaml set quantity suggest options cli repro page database config key_file auth_file control store_name host_port packet datagram \
    node nodes link links mux_shake yamux quic_datagrams quic_frames quic_lives
fuzz_src := $(addprefix tests/fuzz/,wire_fuzz upnp_fuzz signed_fuzz secure_fuzz select_fuzz ident_fuzz text_fuzz record_fuzz) \
    $(addprefix tests/fuzz/,sim_fuzz sim_text_fuzz page_fuzz database_fuzz datagram_fuzz) \
    $(addprefix tests/fuzz/,link_fuzz links_fuzz mux_fuzz quic_fuzz node_fuzz program_fuzz) \
    tests/fuzz/nodes_fuzz

all_src := $(base_src) $(node_src) $(link_src) $(tls_src) $(quic_src) $(host_src) $(program_src) net-real/cli/main $(tracedb_src) $(sim_src) $(simwire_src) sim/wire/without $(interop_src) \
    $(bench_src) sim/main $(test_src) $(play_src) $(fuzz_src) tests/fuzz/replay tests/fuzz/entry $(lab_src)

# ---- flags -------------------------------------------------------------------------------------

OPT_release := -O3
OPT_debug   := -O0
OPT_asan    := -O1
OPT_verify  := -O2
OPT_cov     := -O0
OPT_fuzz    := -O2
EXTRA_asan   := -fsanitize=address,undefined -fno-sanitize-recover=all
EXTRA_verify := -DPU_VERIFY_BUILD
EXTRA_cov    := --coverage -fprofile-update=atomic
# Null pointers and wrong alignment crash or are found by the asan build; checked at every access they
# cost a fuzzer a third of its speed.
EXTRA_fuzz   := $(EXTRA_asan) -fno-sanitize=null,alignment,pointer-overflow -fsanitize=fuzzer-no-link \
    -fsanitize-coverage-ignorelist=tests/fuzz/uncounted.txt
OPT ?= $(OPT_$(BUILD))
# Tests by -O2: at -O3 gcc 12 takes what open_memstream has filled for dangling.
$(B)/tests/%.o: OPT := $(if $(filter -O3,$(OPT)),-O2,$(OPT))
ifeq ($(OPT_$(BUILD)),)
$(error BUILD=$(BUILD) is unknown: release, debug, asan, verify, cov or fuzz)
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wvla -Wundef -Wfloat-equal -Wdouble-promotion -Wcast-align \
    -Wpointer-arith -Wwrite-strings -Wswitch-enum -Werror
BASE_FLAGS = -std=c11 $(OPT) -g -fno-omit-frame-pointer -ffp-contract=off $(WARNINGS) \
    $(EXTRA_$(BUILD)) -Icore/include -Icore -I. -MMD -MP

# Third parties, with the least version that is known to do.
SODIUM   := libsodium >= 1.0.18
CRYPTO   := libcrypto >= 3.0
NGTCP2   := libngtcp2 >= 0.12.1
NGTCP2_TLS := libngtcp2_crypto_gnutls >= 0.12.1
GNUTLS   := gnutls >= 3.7.9
CARES    := libcares >= 1.18
PACKAGES := '$(SODIUM)' '$(CRYPTO)' 'yaml-0.1 >= 0.2.5' 'sqlite3 >= 3.40' 'jansson >= 2.14' '$(NGTCP2)' \
    '$(NGTCP2_TLS)' '$(GNUTLS)' '$(CARES)'
CMOCKA   := 'cmocka >= 1.1.5'
pkg = $(shell { pkg-config $(1); } 2>/dev/null)
PKG_CFLAGS  := $(call pkg,--cflags $(PACKAGES))
PKG_LIBS    := $(call pkg,--libs $(PACKAGES))
TEST_CFLAGS := $(call pkg,--cflags $(CMOCKA))
TEST_LIBS   := $(call pkg,--libs $(CMOCKA))

# libFuzzer learns from comparisons where bytes are read; where time passes they only cost.
fuzz_uncompared := $(node_src) $(addprefix sim/,queue wheels heap host host_soon net net_answer net_gateway net_igd net_upnp net_line net_loss net_queue net_realm net_send net_soon) \
    $(addprefix sim/,net_trace net_way net_work nat nat_ports nat_table) \
    $(addprefix sim/,watch check world script recorder) $(filter sim/transport_model/%,$(sim_src)) \
    $(addprefix core/base/,imap mem) $(addprefix core/ident/,peers)
build_flags = $(if $(and $(filter fuzz,$(BUILD)),$(filter $(fuzz_uncompared),$*)),-fno-sanitize-coverage=trace-cmp)

# To the optimiser the simulator is one file: a step calls a hundred small functions of twenty. The
# objects are code as well, which everything else is linked from. clang's would need its own linker.
lto_objects = $(call objects,$(base_src) $(node_src) $(sim_src) $(bench_src) sim/main sim/wire/without)
has_lto := $(if $(findstring clang,$(CC)),,$(if $(filter release,$(BUILD)),$(filter -O3,$(OPT))))
lto_flags = $(if $(has_lto),$(if $(filter $@,$(lto_objects)),-flto -ffat-lto-objects))

# The core is plain C11 and its private names stay private; the rest may use POSIX.
core_flags = $(BASE_FLAGS) $(build_flags) $(lto_flags) -fvisibility=hidden \
    $(if $(findstring /real_,$<)$(filter core/tls/% core/quic/%,$<),$(PKG_CFLAGS)) $(CFLAGS)
host_flags = $(BASE_FLAGS) $(build_flags) $(lto_flags) -D_POSIX_C_SOURCE=200809L -I$(B) $(PKG_CFLAGS) $(CFLAGS)
test_flags = $(host_flags) -Ibuild $(TEST_CFLAGS)
link_flags = $(OPT) -g $(if $(has_lto),-fno-lto) $(EXTRA_$(BUILD)) $(LDFLAGS) -Wl,--as-needed
sim_link_flags = $(patsubst -fno-lto,-flto=auto,$(link_flags))

# ---- how a step is shown -----------------------------------------------------------------------

ifeq ($(V),1)
say = @:
Q :=
else
say = @printf '%-4s %s\n' $(1) $(2)
Q := @
endif

# A second make uses all processors, unless the first was told how many (-j).
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))

# ---- build -------------------------------------------------------------------------------------

objects = $(patsubst %,$(B)/%.o,$(1))
model_archives := $(addprefix $(B)/,libpusim.a libtracedb.a libpunode.a libpubase.a)
wire_archives := $(addprefix $(B)/,libpuhost.a libpulink.a libpuquic.a libputls.a)
archives := $(model_archives) $(addprefix $(B)/,libpusimwire.a libpuprogram.a) $(wire_archives)

.PHONY: all unit replay fuzzers packages test-packages FORCE
all: $(B)/peerup-sim $(B)/peerup-sim-model $(B)/libpeerup.a $(B)/peerup $(if $(filter build/release,$(B)),build/peerup-sim build/peerup)
unit: $(B)/unit
replay: $(B)/replay
fuzzers: $(addprefix $(B)/fuzz-,$(fuzz_targets))

packages:
	@{ command -v pkg-config >/dev/null && pkg-config --print-errors --exists $(PACKAGES); } || \
	    { echo 'Missing packages: .ci/setup demo installs them, docs/building.md lists them.' >&2; exit 1; }

test-packages:
	@{ command -v pkg-config >/dev/null && command -v python3 >/dev/null && \
	    pkg-config --print-errors --exists $(CMOCKA); } || \
	    { echo 'Missing packages: .ci/setup test installs them, docs/building.md lists them.' >&2; exit 1; }

# Changes only when compiler or flags do, so that another CC or OPT in the same folder rebuilds it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(BASE_FLAGS) $(if $(has_lto),-flto) $(PKG_CFLAGS) $(CFLAGS))' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The revision that is built, with a '+' when tracked files differ from it.
# Rewritten only when that changes, so that a commit rebuilds one object.
$(B)/sim/build_id.h: FORCE
	@mkdir -p $(@D)
	@id=; if [ -e .git ]; then id=$$(git describe --always --exclude='*' --dirty=+ 2>/dev/null); fi; \
	    echo "#define SIM_BUILD_ID \"$${id:-unknown}\"" >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(call objects,$(base_src) $(node_src) $(link_src) $(tls_src) $(quic_src)): $(B)/%.o: %.c $(B)/flags | packages
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(core_flags) -c -o $@ $<

$(call objects,$(host_src) $(program_src) net-real/cli/main): $(B)/%.o: %.c $(B)/flags | packages
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(host_flags) -fvisibility=hidden -c -o $@ $<

$(call objects,$(sim_src) $(simwire_src) sim/wire/without $(bench_src) sim/main): $(B)/%.o: %.c $(B)/flags | packages $(B)/sim/build_id.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(host_flags) -c -o $@ $<

# The schema of run databases as strings.
$(B)/analysis/schema_sql.h: analysis/embed.sh analysis/schema.sql \
    $(sort $(wildcard analysis/views/*.sql))
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$^ >$@

$(call objects,$(tracedb_src)): $(B)/%.o: %.c $(B)/flags | packages $(B)/analysis/schema_sql.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(host_flags) -c -o $@ $<

$(call objects,$(test_src)): $(B)/%.o: %.c $(B)/flags build/vectors/made | packages test-packages
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(test_flags) -c -o $@ $<

$(B)/libpubase.a: $(call objects,$(base_src))
$(B)/libpunode.a: $(call objects,$(node_src))
$(B)/libpulink.a: $(call objects,$(link_src))
$(B)/libputls.a: $(call objects,$(tls_src))
$(B)/libpuquic.a: $(call objects,$(quic_src))
$(B)/libpuhost.a: $(call objects,$(host_src))
$(B)/libpuprogram.a: $(call objects,$(program_src))
$(B)/libtracedb.a: $(call objects,$(tracedb_src))
$(B)/libpusim.a: $(call objects,$(sim_src) $(bench_src))
$(B)/libpusimwire.a: $(call objects,$(simwire_src))
$(archives):
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# What is installed: everything but the programs, as one object. Names that are not public are local
# to it, so that a program may use them for its own.
$(B)/libpeerup.a: $(B)/libpubase.a $(B)/libpunode.a $(wire_archives)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(CC) $(if $(has_lto),-fno-lto) -r -nostdlib -o $(B)/libpeerup.o -Wl,--whole-archive $^ && \
	    $(OBJCOPY) --localize-hidden --remove-section='.gnu.lto_*' $(B)/libpeerup.o && ar rcs $@ $(B)/libpeerup.o

# What a program is linked from. Link and quic call each other, so the linker goes over the archives
# until nothing is missing.
inputs = $(filter-out %.a,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS)

$(B)/peerup-sim: $(call objects,sim/main) $(archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(sim_link_flags) -o $@ $(inputs)

# The same simulator linked with base and node only: it cannot call a byte of a real transport,
# because none is there. Large simulations and benchmarks run with it.
$(B)/peerup-sim-model: $(call objects,sim/main sim/wire/without) $(model_archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(sim_link_flags) -o $@ $(inputs)

build/peerup-sim: build/release/peerup-sim
	@ln -sfn release/peerup-sim $@

$(B)/peerup: $(call objects,net-real/cli/main) $(addprefix $(B)/,libpuprogram.a libpunode.a libpubase.a) $(wire_archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs)

build/peerup: build/release/peerup
	@ln -sfn release/peerup $@

$(B)/unit: $(call objects,$(test_src) $(play_src)) $(archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs) $(TEST_LIBS)

$(B)/peerup-interop: $(call objects,$(interop_src)) $(addprefix $(B)/,libpunode.a libpubase.a) $(wire_archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs)

$(B)/lab-link: $(call objects,tests/netns/link tests/netns/link_way sim/dist) $(B)/libpubase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs)

$(B)/lab-stun: $(call objects,tests/lib/stun_ask sim/stun sim/nat_probe sim/nat_names) $(B)/libpubase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs)

$(B)/lab-upnp: $(call objects,tests/lib/upnp_ask tests/lib/upnp_client) $(B)/libpubase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs)

# Fuzz targets, the interop program and those of tests/netns need no cmocka and no vectors.
$(call objects,$(fuzz_src) $(play_src) tests/fuzz/replay $(interop_src) $(lab_src)): $(B)/%.o: %.c $(B)/flags | packages
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(host_flags) -c -o $@ $<

# One plain program that replays all corpora, and one libFuzzer program a target (clang only).
$(B)/replay: $(call objects,tests/fuzz/replay $(fuzz_src) $(play_src)) $(archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(link_flags) -o $@ $(inputs)

$(B)/fuzz-%: tests/fuzz/entry.c $(call objects,$(fuzz_src) $(play_src)) $(archives)
	$(call say,LINK,$@)
	$(Q)$(CC) $(host_flags) -fsanitize=fuzzer -DFUZZ_TARGET=fuzz_$* -o $@ $(inputs)

# Published test vectors as C headers.
build/vectors/made: tests/vectors/to_header.py $(wildcard tests/vectors/*.* tests/vectors/*/*) | \
    test-packages
	$(call say,GEN,build/vectors)
	$(Q)mkdir -p $(@D) && python3 tests/vectors/to_header.py $(@D) && touch $@

-include $(patsubst %,$(B)/%.d,$(all_src))

# ---- commands ----------------------------------------------------------------------------------
# Set-up may install what this file looks for, so what follows it is a second make.

.PHONY: demo test check lint hash-matrix hash-cross soak planted netns netns-matrix netns-scenarios interop interop-peer bench fuzz fuzz-keep cov format sources install install-files clean help

demo:
	@.ci/setup demo
	@tests/lib/build.sh build/demo.log $(MAKE) $(parallel) all
	@tests/lib/demo.sh $(B)/peerup-sim

test:
	@.ci/setup test
	@$(MAKE) $(parallel) all unit
	@$(MAKE) $(parallel) BUILD=$(replay_build) replay
	@tests/lib/test.sh $(B) build/$(replay_build)
check: test

# A replay without sanitizers sees little: the release build leaves it to the asan build.
replay_build := $(if $(filter release,$(BUILD)),asan,$(BUILD))

lint:
	@.ci/setup lint
	@.ci/setup test
	@tests/lint/run.sh

soak: all
	@.ci/setup test
	@tests/soak.sh $(SOAK_SEEDS)

planted:
	@.ci/setup test
	@tests/planted.sh

hash-matrix:
	@.ci/setup lint
	@tests/hash_matrix.sh $(SEEDS)

hash-cross:
	@.ci/setup cross
	@tests/cross/hashes.sh $(SEEDS)

# A release build, whatever BUILD is: nothing else is worth measuring.
bench:
	@.ci/setup demo
	@$(MAKE) $(parallel) -s BUILD=release build/release/peerup build/release/peerup-sim build/release/peerup-sim-model
	build/release/peerup-sim-model bench queue --pending 1000000
	build/release/peerup-sim-model bench nodes --nodes 100000 --degree 8
	build/release/peerup-sim-model bench datagrams
	build/release/peerup-sim-model bench streams
	@$(MAKE) interop-peer
	bench/compare/run.sh $(COMPARE)

# Real NATs in namespaces, as root; says why when it cannot run (77), and that is no failure.
netns:
	@tests/netns/ready.sh && \
	    $(MAKE) $(parallel) -s BUILD=release $(addprefix build/release/,peerup peerup-sim lab-link lab-stun lab-upnp) && \
	    tests/netns/run.sh build/release || [ $$? -eq 77 ]

# The whole of what `make netns` has a selection of: 36 pairs of NATs, 20 runs each (a quarter of an hour), noted
# in docs/kernel-matrix.md; and every scenario to its end.
netns-matrix netns-scenarios:
	@tests/netns/ready.sh && \
	    $(MAKE) $(parallel) -s BUILD=release $(addprefix build/release/,peerup peerup-sim lab-link) && \
	    $(netns_whole) || [ $$? -eq 77 ]
netns-matrix: netns_whole = tests/netns/matrix.py build/release --ledger $(CURDIR)/docs/kernel-matrix.md
netns-scenarios: netns_whole = tests/netns/scenarios.py build/release --until 410 scenarios/*/*.yaml

# Our own program of tests/interop, in a release build, whatever BUILD is.
interop-peer:
	@$(MAKE) $(parallel) -s BUILD=release build/release/peerup-interop

interop:
	@.ci/setup interop
	@$(MAKE) interop-peer
	@tests/interop/run.sh $(INTEROP)

T ?= 60
fuzz:
	@.ci/setup fuzz
	@$(MAKE) $(parallel) BUILD=fuzz CC=clang fuzzers
	@tests/fuzz/run.sh build/fuzz $(if $(RUNS),runs=$(RUNS),$(T)) $(or $(TARGETS),$(fuzz_targets))

fuzz-keep:
	@tests/fuzz/keep.sh build/fuzz 40 $(fuzz_targets)

cov:
	@.ci/setup cov
	@$(MAKE) $(parallel) BUILD=cov all unit replay
	@tests/lint/coverage.sh build/cov

format:
	@.ci/setup lint
	@clang-format -i $$(tests/lint/files.sh)

# Every C file that is built; tests/lint compares it with what is there.
sources:
	@printf '%s\n' $(addsuffix .c,$(all_src))

# install-files copies what is built and builds nothing. The library is static and what it needs is
# shared, so peerup.pc names that under Requires: with `pkg-config --static` it would be all of the
# static libraries behind GnuTLS, which systems do not have.
install: all install-files

to := $(DESTDIR)$(PREFIX)
install-files:
	install -d $(addprefix $(to)/,bin include/peerup lib/pkgconfig)
	install -m 755 $(B)/peerup $(B)/peerup-sim $(to)/bin/
	install -m 644 core/include/peerup/*.h $(to)/include/peerup/
	install -m 644 $(B)/libpeerup.a $(to)/lib/
	printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' 'libdir=$${prefix}/lib' '' \
	    'Name: peerup' 'Description: a peer that reaches a person'\''s own machines through NATs' \
	    'Version: $(VERSION)' 'Requires: $(SODIUM), $(CRYPTO), $(NGTCP2), $(NGTCP2_TLS), $(GNUTLS), $(CARES)' \
	    'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -lpeerup' \
	    >$(to)/lib/pkgconfig/peerup.pc

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

clean:
	rm -rf build
