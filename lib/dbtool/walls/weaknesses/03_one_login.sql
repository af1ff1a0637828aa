-- weakness: Reads and writes use one login: only the guard keeps a read from writing.
select format('%I reads and writes', w.reader), format('python -m lib.dbtool.setup --apply  -- makes two')
from wish w where w.reader = w.writer and w.login = w.writer
