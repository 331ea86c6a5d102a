import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Linux's figures of a process. */
export interface ProcessFigures {
  /** Memory of its own: pages of the data file, which the system drops when it needs them, do not count. */
  readonly residentMebibytes: number
  /** The most that it ever had in memory, pages of the data file included. */
  readonly peakMebibytes: number
  /** Open files, connections included. */
  readonly files: number
}

export const processFigures = (pid: number | undefined): ProcessFigures => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024)
  return {
    residentMebibytes: mebibytes('RssAnon'),
    peakMebibytes: mebibytes('VmHWM'),
    files: readdirSync(`/proc/${pid}/fd`).length,
  }
}

/** How many files a process may open that this one starts. Node raises its own limit to the hard one. */
export const maxFiles = (): number => {
  const limit = execFileSync('/bin/sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit)
}
