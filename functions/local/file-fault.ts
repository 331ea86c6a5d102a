/** Why a file that the command line names can't be read. */
export const fileFault = (error: unknown): string => {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'this is a directory, not a file'
    case 'EACCES':
      return 'this user may not read the file'
    default:
      return (error as Error).message
  }
}
