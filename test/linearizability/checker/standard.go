package main

import "github.com/anishathalye/porcupine"

// standardModel is the model of one message of a standard queue: at least once, exclusive leases, an ack is final. An empty
// poll is no evidence, so polls count only for what they receive.
func standardModel(r *rules) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{message{}} },
		Step: func(state, input, _ interface{}) []interface{} {
			o := input.(*operation)
			var next []interface{}
			for _, m := range r.elsewhere(state.(message), o) {
				for _, one := range r.stepStandard(m, o) {
					next = append(next, one)
				}
			}
			return next
		},
		DescribeOperation: func(input, _ interface{}) string { return describe(input.(*operation)) },
		DescribeState:     func(state interface{}) string { return describeMessage(state.(message)) },
	}
	return model.ToModel()
}

func (r *rules) stepStandard(m message, o *operation) []message {
	switch o.kind {
	case "publish":
		if !m.stored {
			if o.ended {
				return []message{r.published(o, o.id), m}
			}
			return []message{r.published(o, o.id)}
		}
		if o.result == unknown || (o.repeatable && m.id == o.id) {
			return []message{m}
		}
		return nil
	case "claim":
		if next, legal := r.received(m, o, o.claimed[0]); legal {
			return []message{next}
		}
		return nil
	case storedAgain:
		if m.gone {
			return []message{movedTo(m, false)}
		}
		return []message{m}
	case endOfHistory:
		if m.stored && !m.gone {
			return nil
		}
		return []message{m}
	default:
		return r.settled(m, o)
	}
}
