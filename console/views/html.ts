const MARKUP = Symbol('markup')

/** Markup that is safe to send: every text in it was escaped. JSON can't hold one, because its key is a symbol. */
export interface Html {
  readonly [MARKUP]: string
}

export type Part = Html | string | number | false | undefined | readonly Part[]

/** A template of markup. Each value is escaped, unless it is markup itself. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  [MARKUP]: strings.reduce((text, string, index) => text + markupOf(parts[index - 1]) + string),
})

/** The text of markup, to be sent. */
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
