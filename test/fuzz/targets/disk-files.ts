import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findDamage } from '../../../lib/store/keyed/disk/lmdb-check.ts'
import { readLog } from '../../../lib/store/keyed/disk/log-reader.ts'
import { BOOT_BYTES } from '../../../lib/store/keyed/disk/log-record.ts'
import { orRefusal } from '../judge.ts'

const BOOT = Buffer.alloc(BOOT_BYTES, 1)

/** A file of the store on disk, as a disk may give it back: a log, or where the first byte is odd a data file. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const file = data.subarray(1)
  if ((data[0] ?? 0) % 2 === 0) await orRefusal(() => readLog(file, BOOT), never)
  else await orRefusal(() => damageOf(file), never)
}

const damageOf = (bytes: Buffer): string | undefined => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-fuzz-'))
  try {
    const path = join(directory, 'data.mdb')
    writeFileSync(path, bytes)
    return findDamage(path)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const never = () => false

export const dictionary: readonly string[] = ['HFLOG\u0002']
