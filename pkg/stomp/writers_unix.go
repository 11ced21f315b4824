//go:build unix

package stomp

import "syscall"

// writeNow writes to a socket that does not block. It returns how much was written, or a negative number.
func writeNow(fd uintptr, b []byte) int {
	n, err := syscall.Write(int(fd), b)
	if err != nil {
		return -1
	}
	return n
}
