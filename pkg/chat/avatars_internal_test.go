package chat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/picture"
)

func TestWhatIsSaidOfPictures(t *testing.T) {
	err := errPicture(picture.ErrBusy)
	require.True(t, IsKind(err, Unavailable))
	require.True(t, Reported(err), "users must not fill the log")
	require.ErrorIs(t, err, picture.ErrBusy)
	for _, fault := range []error{picture.ErrTooMuch, picture.ErrUnreadable} {
		err := errPicture(fault)
		require.True(t, IsKind(err, Invalid))
		require.False(t, Reported(err))
	}
}
