import { consoleWords, visitConsole } from '../console-world.ts'

/** Visits of the console's pages, and its forms. */
export const fuzz = (data: Buffer): Promise<void> => visitConsole(data)

export const dictionary = consoleWords()
