package picture

import (
	"encoding/binary"
	"image"
)

// A camera that was held otherwise says so in the EXIF tag 0x0112: 1 is upright, 2 to 4 are mirrored or upside down, 5 to 8
// lie on a side.

// exifMark begins EXIF in a JPEG.
var exifMark = []byte("Exif\x00\x00")

// exifOrientation returns an orientation from 1 to 8; 1 if EXIF says none.
func exifOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	n := int(order.Uint16(tiff[at:]))
	for i, e := 0, tiff[at+2:]; i < n && len(e) >= 12; i, e = i+1, e[12:] {
		if order.Uint16(e) == 0x0112 {
			if o := int(order.Uint16(e[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}

// exifOnly returns EXIF that says an orientation and nothing else.
func exifOnly(orientation int) []byte {
	return []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
}

// upright rotates and mirrors a picture so that its top is the top that the camera saw.
func upright(seen *image.NRGBA, orientation int) *image.NRGBA {
	if orientation <= 1 || orientation > 8 {
		return seen
	}
	width, height := seen.Bounds().Dx(), seen.Bounds().Dy()
	out := image.NewNRGBA(image.Rect(0, 0, width, height))
	if orientation >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, height, width))
	}
	for y := range out.Bounds().Dy() {
		for x := range out.Bounds().Dx() {
			fx, fy := x, y
			if orientation >= 5 {
				fx, fy = y, x
			}
			// The pixel at (x, y) comes from (fx, fy), which is mirrored or not along each of the two axes.
			switch orientation {
			case 2, 8:
				fx = width - 1 - fx
			case 3, 7:
				fx, fy = width-1-fx, height-1-fy
			case 4, 6:
				fy = height - 1 - fy
			}
			out.SetNRGBA(x, y, seen.NRGBAAt(fx, fy))
		}
	}
	return out
}
