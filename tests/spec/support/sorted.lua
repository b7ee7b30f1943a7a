-- sorted: pairs, in the order of the names.
return function(values)
  local names = {}
  for name in pairs(values) do
    names[#names + 1] = name
  end
  table.sort(names)
  local at = 0
  return function()
    at = at + 1
    return names[at], values[names[at]]
  end
end
