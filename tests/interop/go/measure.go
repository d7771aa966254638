package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

var started = time.Now()

// cpuSeconds is the processor time of this process, user and system.
func cpuSeconds() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func (p *peerProgram) cpu([]string) (answer, error) {
	return answer{"cpu_s": cpuSeconds(), "wall_s": time.Since(started).Seconds()}, nil
}

func (p *peerProgram) memory([]string) (answer, error) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kib); n == 1 {
			return answer{"pss_kib": kib}, nil
		}
	}
	return nil, fmt.Errorf("no Pss in smaps_rollup")
}

func (p *peerProgram) collect([]string) (answer, error) {
	debug.FreeOSMemory()
	return p.memory(nil)
}

func (p *peerProgram) handshakes(words []string) (answer, error) {
	info, err := addrOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 2)
	if err != nil {
		return nil, err
	}
	start, cpu := time.Now(), cpuSeconds()
	end := start.Add(time.Duration(n[1]) * time.Millisecond)
	count := uint64(0)
	for ; count < n[0] && time.Now().Before(end); count++ {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		p.host.Peerstore().ClearAddrs(info.ID)
		p.host.Peerstore().AddAddrs(info.ID, info.Addrs, time.Hour)
		_, err := p.host.Network().DialPeer(ctx, info.ID) // unlike Connect it does not wait for identify
		cancel()
		if err == nil {
			err = p.host.Network().ClosePeer(info.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("handshake %d: %w", count, err)
		}
	}
	return answer{
		"count": count, "seconds": time.Since(start).Seconds(), "cpu_s": cpuSeconds() - cpu,
	}, nil
}
