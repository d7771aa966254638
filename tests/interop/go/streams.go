package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const bulkTimeout = 300 * time.Second

// open opens a stream on a connection that is there. Deadlines end it whatever the other side does.
func (p *peerProgram) open(id peer.ID, proto protocol.ID) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	ctx = network.WithAllowLimitedConn(network.WithNoDial(ctx, "interop"), "interop")
	s, err := p.host.NewStream(ctx, id, proto)
	if err == nil {
		s.SetDeadline(time.Now().Add(bulkTimeout))
	}
	return s, err
}

func (p *peerProgram) ping(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 1)
	if err != nil {
		return nil, err
	}
	rtts, err := p.pings(id, int(n[0]))
	return answer{"count": len(rtts), "rtt_us": rtts}, err
}

func (p *peerProgram) pings(id peer.ID, n int) ([]int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	ctx = network.WithAllowLimitedConn(network.WithNoDial(ctx, "interop"), "interop")
	results := ping.Ping(ctx, p.host, id)
	rtts := []int64{}
	for range n {
		r, ok := <-results
		if !ok {
			return rtts, errors.New("timeout: no more pings came back")
		}
		if r.Error != nil {
			return rtts, r.Error
		}
		rtts = append(rtts, r.RTT.Microseconds())
	}
	return rtts, nil
}

func (p *peerProgram) echo(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 1)
	if err != nil {
		return nil, err
	}
	s, err := p.open(id, echoID)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := echoOn(s, n[0]); err != nil {
		return nil, err
	}
	return answer{"bytes": n[0], "seconds": time.Since(start).Seconds()}, nil
}

// echoOn sends n bytes while it reads them back, and ends the stream.
func echoOn(s network.Stream, n uint64) error {
	sent := make(chan error, 1)
	go func() { sent <- sendPattern(s, n, nil) }()
	buf := make([]byte, 64<<10)
	var got uint64
	for {
		k, err := s.Read(buf)
		if !matches(buf[:k], got) {
			s.Reset()
			return errPattern
		}
		got += uint64(k)
		if err == io.EOF {
			break
		}
		if err != nil {
			s.Reset()
			return err
		}
	}
	if err := <-sent; err != nil {
		return err
	}
	if got != n {
		return fmt.Errorf("%d of %d bytes came back", got, n)
	}
	return s.Close()
}

// sendPattern writes n bytes of the pattern and closes the write side. wrote, if given, always has
// the number of bytes that were taken.
func sendPattern(s network.Stream, n uint64, wrote *atomic.Uint64) error {
	buf := make([]byte, 32<<10)
	for offset := uint64(0); offset < n; {
		chunk := buf[:min(n-offset, uint64(len(buf)))]
		fill(chunk, offset)
		if _, err := s.Write(chunk); err != nil {
			return err
		}
		offset += uint64(len(chunk))
		if wrote != nil {
			wrote.Store(offset)
		}
	}
	return s.CloseWrite()
}

func (p *peerProgram) streams(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 2, 2)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	switch words[1] {
	case "sequential":
		err = p.sequential(id, int(n[0]), n[1])
	case "parallel":
		err = p.parallel(id, int(n[0]), n[1])
	default:
		err = usage(words...)
	}
	return answer{"count": n[0], "seconds": time.Since(start).Seconds()}, err
}

func (p *peerProgram) sequential(id peer.ID, count int, size uint64) error {
	for i := range count {
		s, err := p.open(id, echoID)
		if err == nil {
			err = echoOn(s, size)
		}
		if err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
	}
	return nil
}

// parallel opens all streams first. A NewStream that returns has only promised the protocol, so
// each stream is proved open by one byte that comes back; echoOn then sends the rest.
func (p *peerProgram) parallel(id peer.ID, count int, size uint64) error {
	all := make([]network.Stream, count)
	errs := make(chan error, count)
	for i := range all {
		go func() {
			s, err := p.open(id, echoID)
			if err == nil {
				all[i] = s
				_, err = s.Write([]byte{0})
			}
			if err == nil {
				_, err = io.ReadFull(s, make([]byte, 1))
			}
			errs <- err
		}()
	}
	for range all {
		if err := <-errs; err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() { errs <- echoRest(s, size) })
	}
	wg.Wait()
	for range all {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// echoRest is echoOn for a stream whose first byte went round already.
func echoRest(s network.Stream, n uint64) error {
	buf := make([]byte, n)
	fill(buf, 0)
	go func() {
		if _, err := s.Write(buf[1:]); err == nil {
			s.CloseWrite()
		}
	}()
	back, err := io.ReadAll(s)
	if err != nil {
		return err
	}
	if uint64(len(back))+1 != n || !matches(back, 1) {
		return errPattern
	}
	return s.Close()
}

func (p *peerProgram) sink(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 3)
	if err != nil {
		return nil, err
	}
	size, at, pause := n[0], n[1], time.Duration(n[2])*time.Millisecond
	s, err := p.open(id, sinkID)
	if err != nil {
		return nil, err
	}
	var head [16]byte
	binary.BigEndian.PutUint64(head[:8], at)
	binary.BigEndian.PutUint64(head[8:], n[2])
	if _, err := s.Write(head[:]); err != nil {
		return nil, err
	}
	start := time.Now()
	var wrote atomic.Uint64
	sent := make(chan error, 1)
	go func() { sent <- sendPattern(s, size, &wrote) }()

	time.Sleep(pause / 2)
	rtts, err := p.pings(id, 10)
	if err != nil {
		return nil, fmt.Errorf("ping beside a stream that stands still: %w", err)
	}
	var slowest int64
	for _, r := range rtts {
		slowest = max(slowest, r)
	}
	ahead := int64(wrote.Load()) - int64(at)
	var counted uint64
	if err := binary.Read(s, binary.BigEndian, &counted); err != nil {
		return nil, err
	}
	if err := <-sent; err != nil {
		return nil, err
	}
	return answer{
		"bytes": counted, "seconds": time.Since(start).Seconds(), "ahead": ahead, "ping_us": slowest,
	}, s.Close()
}

func (p *peerProgram) reset(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 1)
	if err != nil {
		return nil, err
	}
	s, err := p.open(id, resetID)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := binary.Write(s, binary.BigEndian, n[0]); err != nil {
		return nil, err
	}
	got, err := io.Copy(io.Discard, onlyReader{s})
	a := answer{"bytes": got, "end": "eof", "code": nil}
	if errors.Is(err, network.ErrReset) {
		a["end"], a["code"] = "reset", codeOf(err)
		return a, nil
	}
	return a, err
}

func (p *peerProgram) abort(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 1)
	if err != nil {
		return nil, err
	}
	s, err := p.open(id, echoID)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, n[0])
	fill(buf, 0)
	if _, err := s.Write(buf); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(s, buf); err != nil {
		return nil, err
	}
	return answer{"bytes": n[0]}, s.ResetWithError(resetAsked)
}

func (p *peerProgram) perf(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 2)
	if err != nil {
		return nil, err
	}
	s, err := p.open(id, perfID)
	if err != nil {
		return nil, err
	}
	cpu := cpuSeconds()
	start := time.Now()
	if err := binary.Write(s, binary.BigEndian, n[1]); err != nil {
		return nil, err
	}
	if err := send(s, n[0]); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	k, err := s.Read(buf)
	up := time.Since(start)
	got := uint64(k)
	if err == nil {
		var rest int64
		rest, err = io.CopyBuffer(io.Discard, onlyReader{s}, buf)
		got += uint64(rest)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	return answer{
		"up": n[0], "down": got, "up_s": up.Seconds(), "down_s": (time.Since(start) - up).Seconds(),
		"cpu_s": cpuSeconds() - cpu,
	}, s.Close()
}
