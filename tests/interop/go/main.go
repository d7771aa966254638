// Command peer-go is go-libp2p behind the line protocol of ../README.md: it is told on standard
// input what to do to other peers, and answers each command by one line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// What this program has, of the features that ../README.md lists.
var features = []string{
	"tcp", "quic", "noise", "tls", "no-early-muxer", "retry", "relay",
	"break-signature-tcp", "break-signature-quic", "reserve", "reset-code",
	"reset-seen-tcp", "reset-seen-quic", "slow-reader", "push-removal", "rebinding", "flood-proof", "raw",
}

// The words of a command line and of standard input that cannot be obeyed.
var (
	errUsage       = errors.New("usage")
	errUnsupported = errors.New("unsupported")
)

// answer is what a command found out; "ok" is added when it is printed.
type answer map[string]any

func main() {
	cfg, err := parseFlags(os.Args[1:])
	switch {
	case errors.Is(err, errUnsupported):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if cfg.features {
		out.Encode(map[string]any{"kind": "go", "version": version(), "features": features})
		return
	}
	p, err := newPeer(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot start:", err)
		os.Exit(1)
	}
	for _, a := range p.host.Addrs() {
		fmt.Printf("listening %s/p2p/%s\n", a, p.host.ID())
	}
	fmt.Printf("ready %s\n", p.host.ID())

	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		line := in.Text()
		if line == "quit" {
			break
		}
		out.Encode(p.run(strings.Split(line, " ")))
	}
	p.host.Close()
	out.Encode(map[string]any{"ok": true})
}

// version names the library and the toolchain.
func version() string {
	v := "go-libp2p"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/libp2p/go-libp2p" {
				v += " " + m.Version
			}
		}
	}
	return v + ", " + runtime.Version()
}

// run obeys one command and gives its answer, "ok" included.
func (p *peerProgram) run(words []string) answer {
	f, known := commands[words[0]]
	if !known {
		return failure(fmt.Errorf("%w: %s", errUsage, words[0]))
	}
	a, err := f(p, words[1:])
	if err != nil {
		return failure(err)
	}
	if a == nil {
		a = answer{}
	}
	a["ok"] = true
	return a
}

// failure is the answer of a command that failed.
func failure(err error) answer {
	return answer{"ok": false, "kind": errorKind(err), "error": err.Error()}
}

// commands by name. Those with streams are in streams.go, those of measuring in measure.go.
var commands = map[string]func(*peerProgram, []string) (answer, error){
	"dial":       (*peerProgram).dial,
	"conns":      (*peerProgram).conns,
	"close":      (*peerProgram).close,
	"identify":   (*peerProgram).identify,
	"known":      (*peerProgram).known,
	"protocol":   (*peerProgram).protocol,
	"reserve":    (*peerProgram).reserve,
	"stats":      (*peerProgram).stats,
	"ping":       (*peerProgram).ping,
	"echo":       (*peerProgram).echo,
	"streams":    (*peerProgram).streams,
	"sink":       (*peerProgram).sink,
	"reset":      (*peerProgram).reset,
	"abort":      (*peerProgram).abort,
	"perf":       (*peerProgram).perf,
	"cpu":        (*peerProgram).cpu,
	"memory":     (*peerProgram).memory,
	"collect":    (*peerProgram).collect,
	"handshakes": (*peerProgram).handshakes,
	"hold":       (*peerProgram).hold,
	"raw":        (*peerProgram).raw,
}
