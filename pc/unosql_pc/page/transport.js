// Where browse.js gets its data: here from `unosql browse`, over HTTP. The site has another file of this name, which asks the page around it.
export const FORMS = ['csv', 'jsonl', 'json', 'html', 'sqlite', 'parquet'];

const get = (path, parameters) => fetch(`api/${path}?${new URLSearchParams(parameters)}`);

export async function ask(path, parameters = {}) {
  const value = await (await get(path, parameters)).json();
  if (value.error) throw new Error(value.error);
  return value;
}

// The content of a file, as a Blob.
export async function file(path, parameters) {
  const answer = await get(path, parameters);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.blob();
}
