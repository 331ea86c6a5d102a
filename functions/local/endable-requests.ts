/** Requests under way that their callers named, and may end. */
export interface EndableRequests {
  /** Answers a request; `signal` also aborts when the caller ends the request by its id. */
  answer(
    id: string | null,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Response | Promise<Response>,
  ): Promise<Response>
  /** Returns whether a request has this id: it may have been answered, or not have arrived. */
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
