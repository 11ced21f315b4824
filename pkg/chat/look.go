package chat

import "context"

// Look returns a room that who may see, without its participants: NotFound for others, as for a room that does not exist.
// It reads without the caches.
func (rd *Reader) Look(ctx context.Context, who Principal, name string) (Room, error) {
	v, err := rd.visitNow(ctx, who, name)
	return v.Room, err
}

// Has reports whether a login is in a room whose participants who may see; Forbidden for others.
func (rd *Reader) Has(ctx context.Context, who Principal, name, login string) (bool, error) {
	v, err := rd.visitNow(ctx, who, name)
	if err == nil {
		err = v.may(SeeParticipants)
	}
	if err != nil {
		return false, err
	}
	_, in, err := rd.Inside(ctx, Identity{Tenant: who.Tenant, Login: login}, name)
	return in, err
}
