/** The guards of MetricState of Effect 3. */
export const isHistogramState = (state: object): boolean => "buckets" in state

export const isCounterState = (state: object): boolean => "count" in state && "incremental" in state
