package picture

import (
	"encoding/binary"
	"image"
)

// orientation returns the orientation of a JPEG (EXIF tag 0x0112, 1 to 8); 1, upright, if the file has none.
func orientation(jpeg []byte) int {
	for marker, body := range segments(jpeg) {
		if marker == 0xe1 && len(body) > 6 && string(body[:6]) == "Exif\x00\x00" {
			return exifOrientation(body[6:])
		}
	}
	return 1
}

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

// upright rotates and mirrors a square picture so that its top is the top that the camera saw.
func upright(img *image.NRGBA, orientation int) {
	if orientation <= 1 || orientation > 8 {
		return
	}
	side := img.Bounds().Dx()
	seen := image.NewNRGBA(img.Bounds())
	copy(seen.Pix, img.Pix)
	for y := range side {
		for x := range side {
			fx, fy := x, y
			if orientation >= 5 {
				fx, fy = y, x
			}
			// The pixel at (x, y) comes from (fx, fy), which is mirrored or not along each of the two axes.
			switch orientation {
			case 2, 8:
				fx = side - 1 - fx
			case 3, 7:
				fx, fy = side-1-fx, side-1-fy
			case 4, 6:
				fy = side - 1 - fy
			}
			img.SetNRGBA(x, y, seen.NRGBAAt(fx, fy))
		}
	}
}
