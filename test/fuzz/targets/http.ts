import { httpWords, sendToHttp } from '../http-world.ts'

/** Requests of the HTTP API, at any route. */
export const fuzz = (data: Buffer): Promise<void> => sendToHttp(data)

export const dictionary = httpWords()
