export const flows = []
