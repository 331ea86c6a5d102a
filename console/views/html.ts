const MARKUP = Symbol('markup')

/** Markup in which every text is escaped. JSON can't contain markup, because the key is a symbol. */
export interface Html {
  readonly [MARKUP]: string
}

export type Part = Html | string | number | false | undefined | readonly Part[]

/** A template of markup. It escapes each value that is not markup. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  [MARKUP]: strings.reduce((text, string, index) => text + markupOf(parts[index - 1]) + string),
})

/** The text of markup, for a response. */
export const textOf = (markup: Html): string => markup[MARKUP]

const markupOf = (part: Part): string => {
  if (part === undefined || part === false) return ''
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part))
  return MARKUP in part ? part[MARKUP] : part.map(markupOf).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
