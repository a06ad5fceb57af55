// What is typed as a filter: JSON, "age > 18 and city = Lyon", or any words. As filter_of in pc/unosql_pc/browsing.py.
const SIMPLE = /^\s*([\w.\- ]*[\w.-])\s*(<=|>=|!=|=|<|>|~)\s*([^]*?)\s*$/;
const TESTS = { '=': 'eq', '!=': 'ne', '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte', '~': 'contains' };

// {where: a condition or null, text: words in lower case or null}
export function condition(typed) {
  const filter = typed.trim();
  if (!filter) return { where: null, text: null };
  if (filter.startsWith('{')) {
    try {
      return { where: JSON.parse(filter), text: null };
    } catch (error) {
      throw new Error(`the filter is no JSON: ${error.message}`);
    }
  }
  const tests = filter.split(/\s+and\s+/).map((part) => SIMPLE.exec(part));
  if (!tests.every((test) => test)) return { where: null, text: filter.toLowerCase() };
  return { where: { and: tests.map(([, name, operator, value]) => ({ [name]: { [TESTS[operator]]: valued(value) } })) }, text: null };
}

function valued(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return text;
  }
}
