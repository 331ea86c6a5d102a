import type { Shape, StructureShape } from './shapes.ts'

/** An element. Its content must be escaped. */
export const element = (name: string, content: string): string =>
  content === '' ? `<${name}/>` : `<${name}>${content}</${name}>`

/** The members of a structure as elements, with lists and maps flattened. Undefined members are left out. */
export const structureContent = (shape: StructureShape, value: Readonly<Record<string, unknown>>): string => {
  let xml = ''
  for (const [name, member] of Object.entries(shape.members)) {
    if (value[name] !== undefined) xml += memberXml(name, member, value[name])
  }
  return xml
}

const memberXml = (name: string, shape: Shape, value: unknown): string => {
  switch (shape.kind) {
    case 'list':
      return (value as unknown[]).map((member) => memberXml(shape.flattened, shape.member, member)).join('')
    case 'map':
      return Object.entries(value as Record<string, unknown>)
        .map(([key, inner]) =>
          element(shape.flattened, element(shape.keyName, escapeXml(key)) + memberXml('Value', shape.value, inner)),
        )
        .join('')
    case 'structure':
      return element(name, structureContent(shape, value as Record<string, unknown>))
    default:
      return element(name, escapeXml(String(value)))
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
}

/** Escapes text for XML. A parser would read a carriage return as a line feed, and some characters are not allowed at all. */
export const escapeXml = (text: string): string =>
  text
    .replace(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
