package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	manet "github.com/multiformats/go-multiaddr/net"
	mss "github.com/multiformats/go-multistream"
)

// Types and flags of yamux frames.
const (
	yData, yWindow, yPing, yGoAway = 0, 1, 2, 3
	fSyn, fAck, fFin, fRst         = 1, 2, 4, 8
)

// How long the other side may take to close, and a write to find no room.
const (
	closeWait = 10 * time.Second
	stallWait = 3 * time.Second
	pingValue = 0x50554e47
)

func frame(kind, flags uint16, id, length uint32) []byte {
	b := []byte{0, byte(kind)}
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, id)
	return binary.BigEndian.AppendUint32(b, length)
}

// vector is what a peer that breaks the rules sends after an honest handshake.
type vector struct {
	bytes  []byte                     // sent once
	repeat func(i uint32) []byte      // then sent again and again, with i from 0
	count  uint32                     // how often
	deaf   bool                       // reads nothing while it sends
	answer func(header []byte) []byte // sent for each frame that comes; nil: nothing
}

// vectors by name. Sources: the advisories that libp2p implementations published for yamux.
var vectors = map[string]vector{
	// Streams opened and reset at once, replies never read: control frames must not pile up.
	"open-reset-flood": {deaf: true, count: 1 << 20, repeat: func(i uint32) []byte {
		return append(frame(yWindow, fSyn, 2*i+1, 0), frame(yWindow, fRst, 2*i+1, 0)...)
	}},
	"ping-flood": {deaf: true, count: 1 << 21, repeat: func(i uint32) []byte {
		return frame(yPing, fSyn, 0, i)
	}},
	"open-flood": {count: 100000, repeat: func(i uint32) []byte {
		return frame(yWindow, fSyn, 2*i+1, 0)
	}},
	// Each stream says one byte of multistream-select and no more.
	"stall-flood": {count: 2000, repeat: func(i uint32) []byte {
		return append(frame(yData, fSyn, 2*i+1, 1), 0x13)
	}},
	"window-overflow":     {bytes: append(frame(yWindow, fSyn, 1, 0), frame(yWindow, 0, 1, 0xffffffff)...)},
	"window-overflow-syn": {bytes: frame(yWindow, fSyn, 1, 0xffffffff)},
	"window-exceeded-syn": {bytes: append(frame(yData, fSyn, 1, 262145), make([]byte, 262145)...)},
	"window-exceeded": {bytes: bytes.Join([][]byte{
		frame(yWindow, fSyn, 1, 0), frame(yData, 0, 1, 300<<10), make([]byte, 300<<10)}, nil)},
	"length-without-body": {bytes: append(frame(yWindow, fSyn, 1, 0), frame(yData, 0, 1, 0xffffffff)...)},
	"version":             {bytes: []byte{1, yPing, 0, fSyn, 0, 0, 0, 0, 0, 0, 0, 1}},
	"type":                {bytes: frame(4, 0, 0, 0)},
	"flags":               {bytes: frame(yWindow, 0xffff, 1, 0)},
	"syn-of-session":      {bytes: frame(yWindow, fSyn, 0, 0)},
	"syn-of-wrong-side":   {bytes: frame(yWindow, fSyn, 2, 0)},
	"syn-twice":           {bytes: append(frame(yWindow, fSyn, 1, 0), frame(yWindow, fSyn, 1, 0)...)},
	"data-on-session":     {bytes: append(frame(yData, 0, 0, 1), 0)},
	"ping-on-stream":      {bytes: append(frame(yWindow, fSyn, 1, 0), frame(yPing, fSyn, 1, 7)...)},
	"pong-unasked":        {bytes: frame(yPing, fAck, 0, 0x12345678)},
	"goaway":              {bytes: frame(yGoAway, 0, 0, 0)},
	"goaway-with-stream":  {bytes: append(frame(yWindow, fSyn, 1, 0), frame(yGoAway, 0, 1, 0)...)},
	// What is allowed or must be borne.
	"ack-twice": {answer: func(h []byte) []byte {
		if binary.BigEndian.Uint16(h[2:])&fSyn == 0 || h[1] == yPing {
			return nil
		}
		ack := frame(yWindow, fAck, binary.BigEndian.Uint32(h[4:]), 0)
		return append(ack, ack...)
	}},
	"window-of-closed": {bytes: bytes.Join([][]byte{
		frame(yWindow, fSyn, 1, 0), frame(yWindow, fRst, 1, 0),
		frame(yWindow, 0, 1, 4096), frame(yWindow, fFin, 1, 0), frame(yWindow, 0, 99, 4096)}, nil)},
	"data-of-unknown": {bytes: append(frame(yData, 0, 101, 5), 1, 2, 3, 4, 5)},
	"open-in-one":     {bytes: frame(yWindow, fSyn|fFin, 1, 65536)},
	"rst-of-unknown":  {bytes: frame(yWindow, fRst, 103, 0x1001)},
}

// raw dials as a peer whose handshake is in order, sends a vector, and tells what came of it.
func (p *peerProgram) raw(words []string) (answer, error) {
	info, err := addrOf(words)
	if err != nil {
		return nil, err
	}
	if len(words) != 2 {
		return nil, usage(words...)
	}
	v, known := vectors[words[1]]
	if !known {
		return nil, usage(words...)
	}
	conn, err := rawConn(info)
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	w := &watcher{conn: conn, answer: v.answer, done: make(chan struct{}),
		pong: make(chan struct{}, 16), goaway: make(chan uint32, 16)}
	if !v.deaf {
		go w.read()
	}
	sent, stalled, err := v.send(conn)
	if v.deaf {
		go w.read()
	}
	if err == nil && !stalled {
		conn.Write(frame(yPing, fSyn, 0, pingValue))
	}
	a := answer{"sent": sent, "stalled": stalled, "closed": false, "goaway": nil, "pong": false}
	select {
	case <-w.done:
		a["closed"] = true
	case <-w.pong:
		a["pong"] = true
		select { // a verdict may still be on its way
		case <-w.done:
			a["closed"] = true
		case <-time.After(200 * time.Millisecond):
		}
	case <-time.After(closeWait):
	}
	if code, said := w.goAway(); said {
		a["goaway"] = code
	}
	return a, nil
}

// rawConn is a connection to the peer with yamux agreed and no yamux session on it.
func rawConn(info *peer.AddrInfo) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	key, err := newKey(nil)
	if err != nil {
		return nil, err
	}
	sectr, err := noise.New(noise.ID, key, []upgrader.StreamMuxer{{ID: yamux.ID}})
	if err != nil {
		return nil, err
	}
	var dialer manet.Dialer
	tcp, err := dialer.DialContext(ctx, info.Addrs[0])
	if err != nil {
		return nil, err
	}
	if err := mss.SelectProtoOrFail(protocol.ID(noise.ID), io.ReadWriteCloser(tcp)); err != nil {
		return nil, err
	}
	conn, err := sectr.SecureOutbound(ctx, tcp, info.ID)
	if err != nil {
		return nil, err
	}
	if conn.ConnState().StreamMultiplexer != yamux.ID {
		return nil, errors.New("no yamux inside the handshake")
	}
	return conn, nil
}

// send writes the vector; stalled says that the other side left no room for stallWait.
func (v vector) send(conn net.Conn) (sent int, stalled bool, err error) {
	write := func(b []byte) bool {
		var n int
		conn.SetWriteDeadline(time.Now().Add(stallWait))
		n, err = conn.Write(b)
		sent += n
		stalled = errors.Is(err, os.ErrDeadlineExceeded)
		return err == nil
	}
	if len(v.bytes) > 0 && !write(v.bytes) {
		return sent, stalled, err
	}
	var batch []byte
	for i := range v.count {
		batch = append(batch, v.repeat(i)...)
		if len(batch) >= 16<<10 || i+1 == v.count {
			if !write(batch) {
				return sent, stalled, err
			}
			batch = batch[:0]
		}
	}
	return sent, false, nil
}

// watcher reads the other side's frames.
type watcher struct {
	conn   net.Conn
	answer func([]byte) []byte
	done   chan struct{} // closed at the end of the connection
	pong   chan struct{} // our ping was answered
	goaway chan uint32
}

func (w *watcher) read() {
	defer close(w.done)
	header := make([]byte, 12)
	for {
		if _, err := io.ReadFull(w.conn, header); err != nil {
			return
		}
		flags, length := binary.BigEndian.Uint16(header[2:]), binary.BigEndian.Uint32(header[8:])
		switch header[1] {
		case yData:
			if _, err := io.CopyN(io.Discard, w.conn, int64(length)); err != nil {
				return
			}
		case yPing:
			if flags&fSyn != 0 {
				w.conn.Write(frame(yPing, fAck, 0, length))
			} else if length == pingValue {
				w.pong <- struct{}{}
			}
		case yGoAway:
			w.goaway <- length
		}
		if w.answer != nil {
			if reply := w.answer(header); reply != nil {
				w.conn.Write(reply)
			}
		}
	}
}

// goAway is the code of a GoAway that came.
func (w *watcher) goAway() (uint32, bool) {
	select {
	case code := <-w.goaway:
		return code, true
	default:
		return 0, false
	}
}
