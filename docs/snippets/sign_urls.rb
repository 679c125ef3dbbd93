# Signs delivery URLs of Darkroom with nothing but Ruby. Copy what you need; docs/signed-urls.md explains it.
#
#   sign(url, key, expires_in(86400))                          one image for a day
#   image + "?" + sign_album(folder, key, expires_in(3600))    any image below a folder for an hour
#   narrow(url, "s-ip=203.0.113.7")                            a signed URL for one address only; needs no key
require "openssl"

# Unix seconds so long from now.
def expires_in(seconds) = Time.now.to_i + seconds

# Signs a URL, already percent-encoded, until `expires`. What it demands besides stands in its query.
def sign(url, key, expires)
  text = "#{url}#{url.include?("?") ? "&" : "?"}exp=#{expires}"
  "#{text}&sig=#{mac(key, target(text))}"
end

# The query that opens every image below a folder such as https://images.example.org/HASH/albums/2026/
def sign_album(folder, key, expires)
  depth = target(folder).split("?")[0].count("/") - 1
  sign("#{folder}#{folder.include?("?") ? "&" : "?"}s-pfx=#{depth}", key, expires).split("?", 2)[1]
end

# The value of Set-Cookie under which plain URLs below the folder open; `query` is what sign_album gave.
def album_cookie(folder, query, seconds)
  path = target(folder).split("?")[0]
  "imgtoken=#{query}; Path=#{path}; Max-Age=#{seconds}; Secure; HttpOnly; SameSite=Lax"
end

# Narrows a signed URL: `demands` is like "s-ip=203.0.113.7&exp=1790000300"; it is bound to its path too.
def narrow(url, demands)
  text, sig = url.match(/\A(.*)&sig=([0-9a-f]{64})\z/).captures
  path, query = target(text).split("?", 2)
  number = query.split("&").count { |pair| pair.start_with?("s-at=") } + 1
  block = "s-at=#{number}#{"&" unless demands.empty?}#{demands}"
  "#{text}&#{block}&sig=#{mac([sig].pack("H*"), "#{path}?#{block}")}"
end

# Path and query: protocol and host are not signed.
def target(url) = url.sub(%r{\A[a-z]+://[^/]*}, "")

def mac(key, text) = OpenSSL::HMAC.hexdigest("SHA256", key, text)

# ruby sign_urls.rb day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
if __FILE__ == $PROGRAM_NAME
  verbs = {
    "day" => ->(key, url) { sign(url, key, expires_in(86_400)) },
    "sign" => ->(key, url, expires) { sign(url, key, expires) },
    "album" => ->(key, folder, expires) { sign_album(folder, key, expires) },
    "cookie" => ->(folder, query, seconds) { album_cookie(folder, query, seconds) },
    "narrow" => ->(url, demands) { narrow(url, demands) },
  }
  while (verb = verbs[ARGV.shift])
    puts verb.call(*ARGV.shift(verb.arity))
  end
end
