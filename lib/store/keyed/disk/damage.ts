import { dirname } from 'node:path'

const restoring = (path: string): string =>
  `restore ${dirname(path)} from a copy, or move it away to start with an empty one`

export const damagedFile = (path: string, what: string): Error =>
  new Error(`${path} is damaged (${what}): ${restoring(path)}`)

/** The error for a log that is damaged at a byte. The changes before that byte can be kept. */
export const damagedLog = (path: string, at: number): Error =>
  new Error(
    `${path} is damaged at byte ${at}: ${restoring(path)}. To keep the changes before that byte and lose the later ones, ` +
      `cut the file off there (truncate -s ${at} ${path}) and remove the logs of higher numbers`,
  )

/** The error for a log that ends too early, or is missing, although a later log continues it. */
export const brokenLogs = (path: string, next: string): Error =>
  new Error(
    `${path} is missing or has lost its end, although ${next} continues it: ${restoring(path)}. To keep the changes before ` +
      `that end and lose the later ones, remove the logs of higher numbers`,
  )

export const layoutUnknown = (path: string, layout: number, own: number): Error =>
  new Error(
    `${path} was written in layout ${layout} by another version of Holdfast, but this version reads layout ${own}: ` +
      `start that version${layout < own ? ' once and end it with Ctrl-C' : ''}`,
  )
