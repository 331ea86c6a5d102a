import { readFileSync, writeFileSync } from 'node:fs'

/**
 * The fuzzer's binary for Linux asks for glibc 2.38 and libstdc++ 13, which Debian 12 and so the images of Node 20 and 22 do
 * not have. It uses three of their names: `strtol` and `strtoul` as C23 calls them, which here get the names that every glibc
 * has, and a mark of libstdc++ that nothing calls, which may be absent from now on. So may both versions.
 * https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
 */
export const suitOlderGlibc = (file: string): void => {
  const elf = readFileSync(file)
  const sections = sectionsOf(elf)
  const names = sections.get('.dynstr')
  if (names === undefined) return
  changeSymbols(elf, sections, names)
  for (const at of requirementsIn(elf, sections.get('.gnu.version_r')))
    if (NEEDLESS.has(textAt(elf, names.at + elf.readUInt32LE(at + 8)))) elf.writeUInt16LE(WEAK_VERSION, at + 4)
  writeFileSync(file, elf)
}

const NEEDLESS: ReadonlySet<string> = new Set(['GLIBC_2.38', 'GLIBCXX_3.4.32'])
const NEVER_CALLED = '_ZSt21ios_base_library_initv'
const C23 = '__isoc23_'
const SYMBOL_BYTES = 24
/** No version: the one that programs of any age get. */
const UNVERSIONED = 1
const WEAK_VERSION = 2
/** Bound weakly, a function of no type in particular. */
const WEAK_SYMBOL = 0x20

interface Section {
  readonly at: number
  readonly bytes: number
}

const textAt = (elf: Buffer, at: number): string => elf.toString('latin1', at, elf.indexOf(0, at))

const sectionsOf = (elf: Buffer): ReadonlyMap<string, Section> => {
  const [table, count, namesIndex] = [Number(elf.readBigUInt64LE(40)), elf.readUInt16LE(60), elf.readUInt16LE(62)]
  const headerAt = (index: number) => table + index * 64
  const offset = (header: number) => Number(elf.readBigUInt64LE(header + 24))
  const names = offset(headerAt(namesIndex))
  return new Map(
    Array.from({ length: count }, (_, index) => headerAt(index)).map((header) => [
      textAt(elf, names + elf.readUInt32LE(header)),
      { at: offset(header), bytes: Number(elf.readBigUInt64LE(header + 32)) },
    ]),
  )
}

const changeSymbols = (elf: Buffer, sections: ReadonlyMap<string, Section>, names: Section): void => {
  const symbols = sections.get('.dynsym')
  const versions = sections.get('.gnu.version')
  if (!symbols || !versions) return
  for (let index = 0; index * SYMBOL_BYTES < symbols.bytes; index++) {
    const at = symbols.at + index * SYMBOL_BYTES
    const name = elf.readUInt32LE(at)
    const text = textAt(elf, names.at + name)
    if (text.startsWith(C23)) elf.writeUInt32LE(name + C23.length, at)
    else if (text === NEVER_CALLED) elf.writeUInt8(WEAK_SYMBOL, at + 4)
    else continue
    elf.writeUInt16LE(UNVERSIONED, versions.at + index * 2)
  }
}

/** Where the versions are that the binary asks of each library. */
function* requirementsIn(elf: Buffer, section: Section | undefined): Generator<number> {
  if (!section) return
  for (let library = section.at, next = 1; next !== 0; library += next) {
    next = elf.readUInt32LE(library + 12)
    let at = library + elf.readUInt32LE(library + 8)
    for (let left = elf.readUInt16LE(library + 2); left > 0; left--) {
      yield at
      at += elf.readUInt32LE(at + 12)
    }
  }
}
