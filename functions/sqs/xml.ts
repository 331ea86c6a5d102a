import type { Shape, StructureShape } from './shapes.ts'

/** An element; its content must be XML already. */
export const element = (name: string, content: string): string =>
  content === '' ? `<${name}/>` : `<${name}>${content}</${name}>`

/** The members of a structure as elements, lists and maps flattened. What is undefined stays out. */
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

/** Text as XML content. A carriage return would be read as a line feed, and some characters have no place in XML at all. */
export const escapeXml = (text: string): string =>
  text
    .replace(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
