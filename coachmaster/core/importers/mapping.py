from .columns import normalised
from .results import ImportProblem


class ColumnMapping:
    """The importer's columns in a file. ``problems`` name those missing or ambiguous."""

    def __init__(self, importer, header, mapping, defaults):
        self.header = header
        self.defaults = defaults
        self.problems = []
        places = self._places()
        self.columns = []
        used = set()
        for column in importer.columns:
            if column.name in mapping:
                found = self._chosen(column, mapping[column.name], places)
            else:
                found = column.found_in(places)
            if found or column.name in defaults:
                self.columns.append((column, found))
                used.update(found)
            elif column.is_required and column.name not in mapping:
                self._add_missing(column)
        self.unused = [name for place, name in enumerate(header) if name and place not in used]

    def _places(self):
        places = {}
        for place, name in enumerate(self.header):
            if not name:
                continue
            if normalised(name) in places:
                self.problems.append(
                    ImportProblem(
                        None, name, "", "Two columns have this name. Rename or remove one."
                    )
                )
            places.setdefault(normalised(name), place)
        return places

    def _found_columns(self):
        return f"Found: {', '.join(name for name in self.header if name)}."

    def _add_missing(self, column):
        self.problems.append(
            ImportProblem(
                None,
                column.name,
                "",
                f"There is no such column. {self._found_columns()} Choose the column of the file, "
                "or give a value for all rows.",
                column.name,
                f"--map {column.name}=COLUMN, --default {column.name}=VALUE",
            )
        )

    def _chosen(self, column, text, places):
        """Return the places of columns: a list of names, or a text where the longest names win."""
        if not isinstance(text, str):
            return [places[name] for name in map(normalised, text) if name in places]
        words, found = text.split(), []
        while words:
            for length in range(len(words), 0, -1):
                place = places.get(normalised(" ".join(words[:length])))
                if place is not None:
                    found.append(place)
                    words = words[length:]
                    break
            else:
                sentence = f"There is no column “{words[0]}”. {self._found_columns()}"
                self.problems.append(ImportProblem(None, column.name, "", sentence))
                return []
        return found

    def heading(self, column_name):
        for column, places in self.columns:
            if column.name == column_name and places:
                return " ".join(self.header[place] for place in places)
        return column_name

    def has(self, column_name):
        return any(column.name == column_name for column, _ in self.columns)

    def text(self, column_name, cells):
        for column, places in self.columns:
            if column.name == column_name:
                return joined(places, cells)
        return ""


def joined(places, cells):
    if len(places) == 1 and places[0] < len(cells):
        return cells[places[0]].strip()
    texts = (cells[place].strip() for place in places if place < len(cells))
    return " ".join(filter(None, texts))
