// Who has an account at the stand-ins: one person for each thing that an address can be.

export const PEOPLE = [
  {
    key: "ada",
    number: 1,
    name: "Ada Lovelace",
    note: "business address, confirmed",
    email: "ada@acme-corp.com",
    verified: true,
  },
  {
    key: "grace",
    number: 2,
    name: "Grace Hopper",
    note: "business address in a domain that Google hosts",
    email: "grace@bright-harbour.com",
    verified: true,
    hosted_domain: "bright-harbour.com",
  },
  {
    key: "alan",
    number: 3,
    name: "Alan Turing",
    note: "free mail, confirmed",
    email: "alan.turing@gmail.com",
    verified: true,
  },
  {
    key: "katherine",
    number: 4,
    name: "Katherine Johnson",
    note: "business address, not confirmed",
    email: "katherine@acme-corp.com",
    verified: false,
  },
  {
    key: "edsger",
    number: 5,
    name: "Edsger Dijkstra",
    note: "throw-away address, confirmed",
    email: "edsger@mailinator.com",
    verified: true,
  },
];

export function personBy(field, value) {
  return PEOPLE.find((person) => person[field] === value);
}
