/** A property that did not hold. Anything else that is thrown is a fault of the suite's own. */
export class Failure extends Error {}
