package client

// ShortQueue makes the queues of l's consumers short.
func ShortQueue(l *Live, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = n
}
