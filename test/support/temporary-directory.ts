import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** An empty directory, deleted with its contents when the test has finished. */
export const temporaryDirectory = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }))
  return path
}

const SHARED_MEMORY = '/dev/shm'
const MIN_ROOM_BYTES = 1_073_741_824

const hasRoom = (): boolean => {
  if (!existsSync(SHARED_MEMORY)) return false
  const { bavail, bsize } = statfsSync(SHARED_MEMORY)
  return bavail * bsize >= MIN_ROOM_BYTES
}

const quickPlace = hasRoom() ? SHARED_MEMORY : tmpdir()

/**
 * An empty directory in memory, where syncs take no time, if the machine has one: for tests that make thousands of syncs
 * and prove nothing about the disk.
 */
export const quickDirectory = (): string => {
  const path = mkdtempSync(join(quickPlace, 'holdfast-test-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
  return path
}
