-- escape: the pattern that finds a text as it is.
return function(text)
  return (text:gsub("%p", "%%%0"))
end
