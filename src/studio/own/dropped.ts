/** @file Files that are dropped or pasted, those in folders too. */

function read(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return new Promise((resolve, reject) =>
      (entry as FileSystemFileEntry).file((file) => {
        // The path is known of files that an input gives, not of those that are dropped.
        Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.slice(1) });
        resolve([file]);
      }, reject),
    );
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const some = (): Promise<FileSystemEntry[]> => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  // A directory gives its entries in parts; an empty part is its end.
  const rest = async (): Promise<File[]> => {
    const entries = await some();
    if (entries.length === 0) return [];
    const files = (await Promise.all(entries.map(read))).flat();
    return [...files, ...(await rest())];
  };
  return rest();
}

/** All files, by path, without those whose names begin with a dot. */
export async function filesOf(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  const found = entries.length > 0 ? (await Promise.all(entries.map(read))).flat() : [...data.files];
  const path = (file: File): string => file.webkitRelativePath || file.name;
  return found.filter(({ name }) => !name.startsWith(".")).sort((a, b) => (path(a) < path(b) ? -1 : 1));
}
