-- wsbot.http.reference: where a reference leads to from a base (RFC 3986 5.2, strict). The base is of http or https, so
-- it has a host.
local reference = {}

-- An address or reference in parts (RFC 3986 appendix B). What it does not have is nil, but for the path.
local function split(text)
  local before, fragment = text:match "^([^#]*)#?(.*)$"
  local hierarchy, query = before:match "^([^?]*)%??(.*)$"
  local scheme, rest = hierarchy:match "^(%a[%w+.-]*):(.*)$"
  local authority, path = (rest or hierarchy):match "^//([^/]*)(.*)$"
  return {
    scheme = scheme, authority = authority, path = path or rest or hierarchy,
    query = #hierarchy < #before and query or nil, fragment = #before < #text and fragment or nil,
  }
end

-- Takes "." and ".." out of a path, which is empty or begins with "/" (RFC 3986 5.2.4).
local function without_dots(path)
  local kept, is_dots = {}, false
  for segment in path:gmatch "/([^/]*)" do
    is_dots = segment == "." or segment == ".."
    if segment == ".." then
      table.remove(kept)
    elseif segment ~= "." then
      table.insert(kept, segment)
    end
  end
  if is_dots then table.insert(kept, "") end
  return path == "" and "" or "/" .. table.concat(kept, "/")
end

-- The path of a reference that has one, and no host.
local function merge(base, path)
  if path:sub(1, 1) == "/" then return without_dots(path) end
  return without_dots((base.path:match "^.*/" or "/") .. path)
end

local function join(parts)
  return parts.scheme .. "://" .. parts.authority .. parts.path .. (parts.query and "?" .. parts.query or "")
    .. (parts.fragment and "#" .. parts.fragment or "")
end

-- The address that `text` stands for. One with a scheme is whole, and stays as it is.
function reference.resolve(base, text)
  local from, to = split(base), split(text)
  if to.scheme then return text end
  to.scheme = from.scheme
  if to.authority then
    to.path = without_dots(to.path)
    return join(to)
  end
  to.authority = from.authority
  if to.path ~= "" then
    to.path = merge(from, to.path)
  else
    to.path, to.query = from.path, to.query or from.query
  end
  return join(to)
end

-- Scheme, host and port of an address of http or https, in one form (RFC 6454).
function reference.origin(url)
  local parts = split(url)
  local scheme = (parts.scheme or ""):lower()
  local place = (parts.authority or ""):gsub("^.*@", ""):lower():gsub(":$", "")
  return scheme .. "://" .. place:gsub(scheme == "https" and ":443$" or ":80$", "")
end

return reference
