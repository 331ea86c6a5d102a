import { demand } from './judge.ts'

/** Elements and attributes of the console's pages. Others would be a text that was not escaped. */
const ELEMENTS = new Set(
  'a b body button circle code dd defs details dialog div dl dt fieldset figcaption figure footer form g h1 h2 header head html input kbd label legend li line link main marker meta nav ol option p path pre polyline progress rect script section select small span summary svg table tbody td text textarea th thead time title tr ul'.split(
    ' ',
  ),
)
const VOID = new Set(['input', 'link', 'meta'])
const TOKEN = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][\w-]*(?:="[^"<>]*")?)*)\s*(\/?)>|([^<>]+)/gy
const ATTRIBUTE = /([a-zA-Z][\w-]*)(?:="([^"]*)")?/g
const ENTITY = /&(?!amp;|lt;|gt;|quot;|#39;)/
/** Addresses that a page may lead to: its own console, and places in a page. */
const OWN = /^(?:\/console(?:[/?#]|$)|#)/
const ADDRESSES: ReadonlySet<string> = new Set(['href', 'src', 'action'])

/**
 * Demands that a page of the console is what its templates make: every element is closed, every attribute is quoted, none runs a script or
 * leads elsewhere, and every text is escaped.
 */
export const demandWellFormed = (page: string): void => {
  const doctype = '<!doctype html>'
  demand(page.startsWith(doctype), 'a page has no doctype', page.slice(0, 100))
  const open: string[] = []
  TOKEN.lastIndex = doctype.length
  while (TOKEN.lastIndex < page.length) {
    const at = TOKEN.lastIndex
    const [, closing, name, attributes = '', selfClosing, text] = TOKEN.exec(page) ?? []
    if (text !== undefined) demand(!ENTITY.test(text), 'a text is not escaped', text.slice(0, 200))
    else demand(name !== undefined && ELEMENTS.has(name), 'a page is no HTML of the console', page.slice(at, at + 200))
    if (name === undefined) continue
    checkAttributes(name, attributes)
    if (closing) demand(open.pop() === name, `</${name}> closes another element`, page.slice(Math.max(0, at - 200), at))
    else if (!VOID.has(name) && !selfClosing) open.push(name)
  }
  demand(open.length === 0, 'elements stay open', open)
}

const checkAttributes = (element: string, attributes: string): void => {
  for (const [, name = '', value = ''] of attributes.matchAll(ATTRIBUTE)) {
    demand(!/^(?:on|style$|formaction$)/i.test(name), `an attribute ${name} of ${element}`, attributes)
    demand(!ENTITY.test(value), 'an attribute is not escaped', value)
    if (ADDRESSES.has(name)) demand(OWN.test(value), `${element} leads elsewhere`, value)
  }
}
