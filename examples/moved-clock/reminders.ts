import { type Received, RetryLater } from 'holdfast'

export interface Reminder {
  readonly to: string
}

/** A handler that tries again later when the mail server refuses the mail. */
export const remind =
  (send: (to: string) => Promise<'sent' | 'busy'>) =>
  async ({ body: { to } }: Received<Reminder>): Promise<void> => {
    if ((await send(to)) === 'busy') throw new RetryLater(600)
  }
