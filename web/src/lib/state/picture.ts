// The edge of an uploaded picture in pixels.
const edge = 256

/** The middle square of a picture, small enough to be sent. Rejects if it is none. */
export async function squarePicture(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file)
  try {
    const side = Math.min(picture.width, picture.height)
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = edge
    const paper = canvas.getContext('2d')
    if (!paper) throw new Error('no canvas')
    paper.imageSmoothingQuality = 'high'
    paper.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, edge, edge)
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('not encoded'))), 'image/jpeg', 0.88),
    )
  } finally {
    picture.close()
  }
}
