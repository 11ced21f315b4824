//go:build unix

package stomp

import "syscall"

// writeNow writes to a non-blocking socket. It returns the number of bytes written, or a negative number on an error.
func writeNow(fd uintptr, b []byte) int {
	n, err := syscall.Write(int(fd), b)
	if err != nil {
		return -1
	}
	return n
}
