import { type Chapter, pageOf } from './outline.ts'

/** The first sentence of a page after its title. */
const firstSentenceOf = (text: string): string => {
  const paragraph = text
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .split(/\n{2,}/)
    .map((part) => part.trim())
    .find((part) => /^[A-Z`*]/.test(part))
  return (/^[\s\S]*?[.:](?=\s+[A-Z]|\s*$)/.exec(paragraph ?? '')?.[0] ?? '').replaceAll(/\s+/g, ' ').replace(/:$/, '.')
}

export const titleOf = (text: string): string => /^# (.+)$/m.exec(text)?.[1] ?? ''

/** Makes `llms.txt` in the format of llmstxt.org: a description of the project, and a line for each page. */
export const llmsText = (chapters: readonly Chapter[], read: (file: string) => string): string => {
  const lines = chapters.map(({ title, files }) => {
    const pages = files.map((file) => {
      const text = read(file)
      return `- [${titleOf(text)}](/${pageOf(file)}): ${firstSentenceOf(text)}`
    })
    return `## ${title}\n\n${pages.join('\n')}`
  })
  return `${[`# Holdfast`, `> ${firstSentenceOf(read('README.md'))}`, ...lines].join('\n\n')}\n`
}
