package limit

import "net/netip"

// SignUp is the action of somebody at an address who makes an account.
func SignUp(address string) Action { return Of(SignUps, Network(address)) }

// Network returns what is limited instead of a single address of a client: the network of an IPv6 address (/64), as a
// client has all addresses of its own. Any other text is returned as it is.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	network, _ := ip.WithZone("").Prefix(64) // an IPv6 address has it
	return network.String()
}
