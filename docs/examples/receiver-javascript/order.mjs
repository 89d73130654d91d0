// What came before, what came late, what is missing. In memory: a real receiver keeps this in
// its database, and stores a notification before it answers 202.

export class Received {
  #seen = new Set();
  #numbers = [];
  #about = new Map();

  /** Take a notification in; what is told of its place. */
  add({ jti, reference, sequence }) {
    if (this.#seen.has(jti)) return { isNew: false };
    this.#seen.add(jti);
    if (sequence === null) return { isNew: true };
    const about = this.#about.get(reference) ?? [];
    const told = {
      isNew: true,
      skipped: between(highest(this.#numbers), sequence.subscriber),
      skippedAboutPerson: between(highest(about), sequence.person),
      isLate: sequence.person <= highest(about),
    };
    this.#numbers.push(sequence.subscriber);
    this.#about.set(reference, [...about, sequence.person]);
    return told;
  }

  /** Numbers that never came, each run as [first, last]. */
  gaps() {
    const about = [...this.#about].map(([reference, numbers]) => [reference, missing(numbers)]);
    return {
      of_subscription: missing(this.#numbers),
      about_person: Object.fromEntries(about.filter(([, runs]) => runs.length > 0)),
    };
  }
}

const highest = (numbers) => Math.max(0, ...numbers);
const between = (last, number) => (number > last + 1 ? [last + 1, number - 1] : []);

function missing(numbers) {
  const sorted = [0, ...numbers].sort((one, other) => one - other);
  return sorted
    .map((number, place) => between(sorted[place - 1] ?? number, number))
    .filter((run) => run.length > 0);
}
