/** Requests under way to which their callers gave an id, by which they may end them. */
export interface EndableRequests {
  /** Answers a request. The signal that `work` gets aborts with `signal`, and when the caller ends the request by `id`. */
  answer(
    id: string | null,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Response | Promise<Response>,
  ): Promise<Response>
  /** Ends a request. Returns false where no request under way has this id: it was answered, or has not arrived. */
  end(id: string): boolean
}

export const endableRequests = (): EndableRequests => {
  const open = new Map<string, AbortController>()
  return {
    answer: async (id, signal, work) => {
      if (id === null) return work(signal)
      const ending = new AbortController()
      open.set(id, ending)
      try {
        return await work(AbortSignal.any([signal, ending.signal]))
      } finally {
        if (open.get(id) === ending) open.delete(id)
      }
    },
    end: (id) => {
      open.get(id)?.abort()
      return open.has(id)
    },
  }
}
